"""A server that answers as a test wants."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np

from slipline.serving.wire import saved_model_pb2, serving_pb2, tensor_pb2
from slipline.serving.wire.tensors import to_array, to_proto


class DoublingServer:
    """A real gRPC server with the one model "double" that does to a request what `behave` does first.

    Its signature `serving_default` is `y = 2 x`; `serving_images` takes files for digits, by their last byte.

    Attributes:
      behave: Called with the method's name, the request and the context of each call.
      version: Which one answers.
      dtype: The number of the dtype that its signature has for x.
      seen: The names of the methods that were called, with the requests.
    """

    def __init__(self, port: int = 0, *, credentials: grpc.ServerCredentials | None = None, **options: Any) -> None:
        self.behave: Callable[[str, Any, grpc.ServicerContext], object] = lambda method, request, context: None
        self.version = 1
        self.dtype = tensor_pb2.DT_FLOAT
        self.seen: list[tuple[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self._server = grpc.server(ThreadPoolExecutor(32), options=[("grpc.so_reuseport", 0), *options.items()])
        self._server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(
                    "tensorflow.serving.PredictionService",
                    {
                        "Predict": self._handler("Predict", self._predict, serving_pb2.PredictRequest),
                        "GetModelMetadata": self._handler(
                            "GetModelMetadata", self._metadata, serving_pb2.GetModelMetadataRequest
                        ),
                    },
                ),
                grpc.method_handlers_generic_handler(
                    "tensorflow.serving.ModelService",
                    {
                        "GetModelStatus": self._handler(
                            "GetModelStatus", self._status, serving_pb2.GetModelStatusRequest
                        ),
                        "HandleReloadConfigRequest": self._handler(
                            "HandleReloadConfigRequest",
                            lambda request: serving_pb2.ReloadConfigResponse(),
                            serving_pb2.ReloadConfigRequest,
                        ),
                    },
                ),
            )
        )
        address = f"127.0.0.1:{port}"
        if credentials is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, credentials)
        self.address = f"127.0.0.1:{self.port}"
        self._server.start()

    def count(self, method: str = "Predict") -> int:
        """How often it was called."""
        return sum(name == method for name, _ in self.seen)

    def stop(self, grace_s: float | None = None) -> None:
        self._server.stop(grace_s).wait()

    def _handler(self, name: str, answer: Callable[[Any], Any], request_type: Any) -> Any:
        def call(request: Any, context: grpc.ServicerContext) -> Any:
            self.seen.append((name, request))
            self.headers.append(dict(context.invocation_metadata()))
            self.behave(name, request, context)
            return answer(request)

        return grpc.unary_unary_rpc_method_handler(
            call, request_type.FromString, lambda response: response.SerializeToString()
        )

    def _predict(self, request: serving_pb2.PredictRequest) -> serving_pb2.PredictResponse:
        if request.model_spec.signature_name == "serving_images":
            digits = np.array([file[-1] % 10 for file in to_array(request.inputs["encoded"])])
            outputs = {"class": to_proto(digits), "probabilities": to_proto(np.eye(10, dtype="float32")[digits])}
        else:
            outputs = {"y": to_proto(2 * to_array(request.inputs["x"]))}
        return serving_pb2.PredictResponse(outputs=outputs, model_spec=self._spec())

    def _metadata(self, request: serving_pb2.GetModelMetadataRequest) -> serving_pb2.GetModelMetadataResponse:
        x = saved_model_pb2.TensorInfo(dtype=self.dtype, tensor_shape={"dim": [{"size": -1}]})
        signature = saved_model_pb2.SignatureDef(inputs={"x": x}, outputs={"y": x})
        encoded = saved_model_pb2.TensorInfo(dtype=tensor_pb2.DT_STRING, tensor_shape={"dim": [{"size": -1}]})
        images = saved_model_pb2.SignatureDef(inputs={"encoded": encoded})
        packed = saved_model_pb2.SignatureDefMap(signature_def={"serving_default": signature, "serving_images": images})
        response = serving_pb2.GetModelMetadataResponse(model_spec=self._spec())
        response.metadata["signature_def"].value = packed.SerializeToString()
        return response

    def _status(self, request: serving_pb2.GetModelStatusRequest) -> serving_pb2.GetModelStatusResponse:
        return serving_pb2.GetModelStatusResponse(model_version_status=[{"version": self.version, "state": 30}])

    def _spec(self) -> serving_pb2.ModelSpec:
        return serving_pb2.ModelSpec(name="double", version={"value": self.version})
