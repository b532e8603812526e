"""TensorFlow Serving's REST API: JSON over HTTP, on the same models as gRPC.

`urls` and `json_text` read a request, `tensors_in` and `examples_in` what it holds; `answers` and `replies` write what
goes back; `api` calls the models in between, `app` speaks HTTP, and `server` listens.
"""
