"""The gRPC services of a model server, under TensorFlow Serving's names."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from slipline.serving.errors import BadRequest, ServingError
from slipline.serving.server.grpc.grpc_server import Gate
from slipline.serving.server.inference import Inference
from slipline.serving.server.methods.predict_calls import CallReader
from slipline.serving.server.methods.request_messages import Request, parsed
from slipline.serving.server.metrics.monitoring import Metrics
from slipline.serving.server.versions.manager import VersionManager
from slipline.serving.server.versions.sources import ConfigInForce, read_config
from slipline.serving.wire import serving_pb2
from slipline.serving.wire.grpc_errors import code_of

MAX_MESSAGE_BYTES = 1024  # TensorFlow Serving cuts the text of an error there

Response = TypeVar("Response", bound=Message)


class PredictionService:
    """tensorflow.serving.PredictionService: runs models, and says what they take."""

    def __init__(self, inference: Inference, metrics: Metrics, gate: Gate) -> None:
        """`metrics` is told of every Predict, Classify and Regress; all calls pass `gate`."""
        self._inference = inference
        self._gate = gate
        self._metrics = metrics
        self._calls = CallReader()

    def handlers(self) -> grpc.GenericRpcHandler:
        """The service for a `grpc.aio.Server`."""
        asked = self._inference
        return grpc.method_handlers_generic_handler(
            "tensorflow.serving.PredictionService",
            {
                "Predict": grpc.unary_unary_rpc_method_handler(self.predict),
                "Classify": self._unary(asked.classify, serving_pb2.ClassificationRequest, counted_as="Classify"),
                "Regress": self._unary(asked.regress, serving_pb2.RegressionRequest, counted_as="Regress"),
                "MultiInference": self._unary(asked.multi_inference, serving_pb2.MultiInferenceRequest),
                "GetModelMetadata": self._unary(asked.metadata, serving_pb2.GetModelMetadataRequest),
            },
        )

    async def predict(self, serialized: bytes, context: grpc.aio.ServicerContext) -> bytes:
        """Runs one signature of one version; once the client has gone away, no more."""
        begin_s = time.perf_counter()
        model = ""
        try:
            self._gate.enter()
            call = self._calls.known(serialized) or await self._calls.read(serialized)
            model = call.asked.meant.model
            reply, version = await self._inference.predict_soon(call)
        except ServingError as error:
            self._metrics.count(model, code_of(error).name)
            await context.abort(code_of(error), _cut(str(error)))
        self._report("Predict", model, version, begin_s)
        return reply

    def _unary(
        self, answer: Callable[[Request], Any], request_type: type[Request], *, counted_as: str = ""
    ) -> grpc.RpcMethodHandler:
        def call(request: Any, context: grpc.ServicerContext) -> Any:
            begin_s = time.perf_counter()
            try:
                self._gate.enter()
                response = answer(request)
            except ServingError as error:
                if counted_as:
                    self._metrics.count(request.model_spec.name, code_of(error).name)
                raise
            if counted_as:
                self._report(counted_as, response.model_spec.name, response.model_spec.version.value, begin_s)
            return response

        return _unary(call, request_type)

    def _report(self, api: str, model: str, version: int, begin_s: float) -> None:
        self._metrics.count(model, "OK")
        self._metrics.observe(model, api, "GRPC", time.perf_counter() - begin_s, version=version)


class ModelService:
    """tensorflow.serving.ModelService: says how far the versions are, and takes a new config."""

    def __init__(self, versions: VersionManager, config: ConfigInForce, *, reload_wait_s: float) -> None:
        """`reload_wait_s` limits how long a reload waits for the models that are new in it."""
        self._versions = versions
        self._config = config
        self._reload_wait_s = reload_wait_s

    def handlers(self) -> grpc.GenericRpcHandler:
        """The service for a `grpc.aio.Server`."""
        return grpc.method_handlers_generic_handler(
            "tensorflow.serving.ModelService",
            {
                "GetModelStatus": _unary(self.status, serving_pb2.GetModelStatusRequest),
                "HandleReloadConfigRequest": _unary(self.reload, serving_pb2.ReloadConfigRequest),
            },
        )

    def status(
        self, request: serving_pb2.GetModelStatusRequest, context: grpc.ServicerContext
    ) -> serving_pb2.GetModelStatusResponse:
        """The state of all versions of a model, or of the one named by number."""
        if not request.HasField("model_spec"):
            raise BadRequest("Missing ModelSpec")
        spec = request.model_spec
        number = spec.version.value if spec.HasField("version") else None
        return serving_pb2.GetModelStatusResponse(model_version_status=self._versions.statuses(spec.name, number))

    def reload(
        self, request: serving_pb2.ReloadConfigRequest, context: grpc.ServicerContext
    ) -> serving_pb2.ReloadConfigResponse:
        """Replaces the config; answers once each model that is new in it has a version up or given up."""
        kind = request.config.WhichOneof("config")
        if kind != "model_config_list":
            raise BadRequest(f"config of kind {kind} is not supported by HandleReloadConfigRequest; send a list")
        new = self._config.replace(read_config(request.config))
        left_s = context.time_remaining()
        self._versions.wait_for(new, self._reload_wait_s if left_s is None else min(left_s, self._reload_wait_s))
        return serving_pb2.ReloadConfigResponse(status=serving_pb2.StatusProto())


class ProfilerService:
    """tensorflow.ProfilerService: says what to use in its place. Profiles take TensorFlow's Python package."""

    def handlers(self) -> grpc.GenericRpcHandler:
        """The service for a `grpc.aio.Server`."""
        refused = grpc.unary_unary_rpc_method_handler(self.refuse)
        calls = dict.fromkeys(("Profile", "Terminate", "Monitor"), refused)
        return grpc.method_handlers_generic_handler("tensorflow.ProfilerService", calls)

    def refuse(self, serialized: bytes, context: grpc.ServicerContext) -> bytes:
        """Answers UNIMPLEMENTED to every call."""
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            "this server makes no profiles; its metrics (--monitoring_config_file, on the REST port) tell latencies, "
            "and tf.profiler.experimental profiles a SavedModel in a Python process",
        )
        raise AssertionError  # not reached: abort raises


def _unary(
    answer: Callable[[Request, grpc.ServicerContext], Response], request_type: type[Request]
) -> grpc.RpcMethodHandler:
    """A handler that turns our errors into gRPC's.

    It parses the message itself, as gRPC would say INTERNAL of one that cannot be parsed.
    """

    def call(serialized: bytes, context: grpc.ServicerContext) -> Response:
        try:
            return answer(parsed(serialized, request_type), context)
        except ServingError as error:
            context.abort(code_of(error), _cut(str(error)))
            raise  # not reached: abort raises

    def serialize(response: Response) -> bytes:
        return response.SerializeToString()

    return grpc.unary_unary_rpc_method_handler(call, None, serialize)


def _cut(message: str) -> str:
    encoded = message.encode(errors="replace")
    if len(encoded) <= MAX_MESSAGE_BYTES:
        return message
    return encoded[:MAX_MESSAGE_BYTES].decode(errors="ignore") + "...TRUNCATED"
