"""TensorFlow Serving's messages on the wire, without TensorFlow.

The `.proto` files here have the field numbers and names of TensorFlow's and TensorFlow Serving's own, under message
names of our own, so that both can be loaded in one process. `make protos` generates the modules.
"""
