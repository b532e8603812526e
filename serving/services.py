"""The gRPC services of a model server, under TensorFlow Serving's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from serving.config_in_force import ConfigInForce
from serving.errors import (
    BadRequest,
    ConfigRefused,
    DeadlineExceeded,
    ModelNotFound,
    ServingError,
    VersionNotReady,
)
from serving.native import TensorFlowError
from serving.saved_model import DEFAULT_SIGNATURE, SignatureNotFound
from serving.sources import read_config
from serving.tensors import Array, to_array, to_proto
from serving.versions import VersionManager
from serving.wire import saved_model_pb2, serving_pb2

MAX_MESSAGE_BYTES = 1024  # TensorFlow Serving cuts the text of an error there
METADATA_FIELD = "signature_def"

# The most specific class first.
_STATUS_OF_ERROR: tuple[tuple[type[ServingError], grpc.StatusCode], ...] = (
    (SignatureNotFound, grpc.StatusCode.FAILED_PRECONDITION),
    (BadRequest, grpc.StatusCode.INVALID_ARGUMENT),
    (ConfigRefused, grpc.StatusCode.INVALID_ARGUMENT),
    (ModelNotFound, grpc.StatusCode.NOT_FOUND),
    (VersionNotReady, grpc.StatusCode.NOT_FOUND),
    (DeadlineExceeded, grpc.StatusCode.DEADLINE_EXCEEDED),
)
_STATUS_OF_NUMBER = {status.value[0]: status for status in grpc.StatusCode}

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)


class PredictionService:
    """tensorflow.serving.PredictionService: runs models, and says what they take."""

    def __init__(self, versions: VersionManager) -> None:
        self._versions = versions

    def handlers(self) -> grpc.GenericRpcHandler:
        """The service for `grpc.Server.add_generic_rpc_handlers`."""
        return grpc.method_handlers_generic_handler(
            "tensorflow.serving.PredictionService",
            {
                "Predict": _unary(self.predict, serving_pb2.PredictRequest),
                "GetModelMetadata": _unary(self.metadata, serving_pb2.GetModelMetadataRequest),
            },
        )

    def predict(
        self, request: serving_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> serving_pb2.PredictResponse:
        """Runs one signature of one version."""
        _check_spec(request)
        signature = request.model_spec.signature_name or DEFAULT_SIGNATURE
        with self._versions.using(request.model_spec) as served:
            served.model.check_inputs(signature, request.inputs)
            inputs = {name: _parsed(name, request) for name in request.inputs}
            if not context.is_active():
                raise DeadlineExceeded("the client's deadline passed before the model was run")
            outputs = served.model.run(inputs, signature, request.output_filter)
            version = served.version
        response = serving_pb2.PredictResponse(
            outputs={name: to_proto(array) for name, array in outputs.items()},
            model_spec=serving_pb2.ModelSpec(name=request.model_spec.name, signature_name=signature),
        )
        response.model_spec.version.value = version
        return response

    def metadata(
        self, request: serving_pb2.GetModelMetadataRequest, context: grpc.ServicerContext
    ) -> serving_pb2.GetModelMetadataResponse:
        """All signatures of one version."""
        _check_spec(request)
        if not request.metadata_field:
            raise BadRequest("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != METADATA_FIELD:
                raise BadRequest(f"Metadata field {field} is not supported")
        with self._versions.using(request.model_spec) as served:
            signatures = saved_model_pb2.SignatureDefMap(signature_def=served.model.signatures)
            version = served.version
        response = serving_pb2.GetModelMetadataResponse(
            model_spec=serving_pb2.ModelSpec(name=request.model_spec.name),
        )
        response.model_spec.version.value = version
        packed = response.metadata[METADATA_FIELD]
        packed.type_url = "type.googleapis.com/tensorflow.serving.SignatureDefMap"
        packed.value = signatures.SerializeToString()
        return response


class ModelService:
    """tensorflow.serving.ModelService: says how far the versions are, and takes a new config."""

    def __init__(self, versions: VersionManager, config: ConfigInForce, *, reload_wait_s: float) -> None:
        """`reload_wait_s` limits how long a reload waits for the models that are new in it."""
        self._versions = versions
        self._config = config
        self._reload_wait_s = reload_wait_s

    def handlers(self) -> grpc.GenericRpcHandler:
        """The service for `grpc.Server.add_generic_rpc_handlers`."""
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


def _unary(
    answer: Callable[[Request, grpc.ServicerContext], Response], request_type: type[Request]
) -> grpc.RpcMethodHandler:
    """A handler that turns our errors into gRPC's."""

    def call(request: Request, context: grpc.ServicerContext) -> Response:
        try:
            return answer(request, context)
        except ServingError as error:
            context.abort(_status(error), _cut(str(error)))
            raise  # not reached: abort raises

    def serialize(response: Response) -> bytes:
        return response.SerializeToString()

    return grpc.unary_unary_rpc_method_handler(call, request_type.FromString, serialize)


def _status(error: ServingError) -> grpc.StatusCode:
    if isinstance(error, TensorFlowError):
        return _STATUS_OF_NUMBER[error.code]
    return next((status for kind, status in _STATUS_OF_ERROR if isinstance(error, kind)), grpc.StatusCode.UNKNOWN)


def _cut(message: str) -> str:
    encoded = message.encode()
    if len(encoded) <= MAX_MESSAGE_BYTES:
        return message
    return encoded[:MAX_MESSAGE_BYTES].decode(errors="ignore") + "...TRUNCATED"


def _check_spec(request: Any) -> None:
    if not request.HasField("model_spec"):
        raise BadRequest("Missing ModelSpec")
    if not request.model_spec.name:
        raise BadRequest("ModelSpec has no name specified.")


def _parsed(name: str, request: serving_pb2.PredictRequest) -> Array:
    try:
        return to_array(request.inputs[name])
    except BadRequest as error:
        raise BadRequest(f"tensor parsing error: {name}: {error}") from error
