"""TensorFlow Serving's REST API: JSON over HTTP, on the same models as gRPC.

`urls` and `json_text` read a request, `tensors_in` and `examples_in` what it holds; `replies` writes what goes back;
`api` calls the models in between, `app` speaks HTTP, and `rest_server` listens.
"""
