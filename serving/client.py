"""Asks a model server over gRPC: the embedded one or TensorFlow Serving. Needs gRPC, protobuf and NumPy alone."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

import grpc
import numpy as np

from serving.control import VersionStatus
from serving.errors import (
    BadRequest,
    LoadFailed,
    ModelNotFound,
    ServerUnavailable,
    VersionNotReady,
)
from serving.grpc_errors import translated_errors
from serving.tensors import Array, to_array, to_proto
from serving.wire import saved_model_pb2, serving_pb2

IMAGES_SIGNATURE = "serving_images"

_PREDICTION = "/tensorflow.serving.PredictionService/"
_MODEL = "/tensorflow.serving.ModelService/"
_POLL_S = 0.05


@dataclass(frozen=True)
class Prediction:
    """What a model answered.

    Attributes:
      outputs: By output name; strings are object arrays of `bytes`.
      version: The version that answered.
    """

    outputs: Mapping[str, Array]
    version: int


class PredictClient:
    """Asks one model of one server; a context manager that closes a connection of its own."""

    def __init__(
        self, channel: grpc.Channel, model: str, *, timeout_s: float = 10.0, target: str = "the model server"
    ) -> None:
        """Uses a channel that its owner closes.

        Args:
          channel: To the server; its message size limits hold.
          model: The model's name.
          timeout_s: For each call.
          target: What error messages call the server.
        """
        self.model = model
        self.target = target
        self._timeout_s = timeout_s
        self._channel = channel
        self._owns_channel = False
        self._predict = channel.unary_unary(
            _PREDICTION + "Predict",
            request_serializer=serving_pb2.PredictRequest.SerializeToString,
            response_deserializer=serving_pb2.PredictResponse.FromString,
        )
        self._metadata = channel.unary_unary(
            _PREDICTION + "GetModelMetadata",
            request_serializer=serving_pb2.GetModelMetadataRequest.SerializeToString,
            response_deserializer=serving_pb2.GetModelMetadataResponse.FromString,
        )
        self._status = channel.unary_unary(
            _MODEL + "GetModelStatus",
            request_serializer=serving_pb2.GetModelStatusRequest.SerializeToString,
            response_deserializer=serving_pb2.GetModelStatusResponse.FromString,
        )
        self._image_inputs: dict[tuple[int | None, str | None], str] = {}

    @classmethod
    def connect(cls, target: str, model: str, *, timeout_s: float = 10.0) -> PredictClient:
        """A client with a connection of its own to `target`, `host:port`, and no limit on the size of messages."""
        unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        # Not the process-wide pool of connections: its back-off would outlive a server's restart.
        options = [*unlimited, ("grpc.use_local_subchannel_pool", 1)]
        client = cls(grpc.insecure_channel(target, options), model, timeout_s=timeout_s, target=target)
        client._owns_channel = True
        return client

    def predict(
        self,
        inputs: Mapping[str, Array],
        *,
        version: int | None = None,
        label: str | None = None,
        signature: str = "",
    ) -> Prediction:
        """Runs the model.

        Args:
          inputs: By input name, with the signature's dtypes; the first axis is the batch.
          version: Which version is to answer; by default the highest that is up.
          label: The same by label; not together with `version`.
          signature: Its name; empty for `serving_default`.

        Raises:
          BadRequest: The model takes other inputs, or has no such signature.
          ModelNotFound: No version of the model is up.
          VersionNotReady: That version is not up, or no version has that label.
          DeadlineExceeded: No answer within the time limit.
          ServerUnavailable: Nothing listens there, or the connection broke.
        """
        request = serving_pb2.PredictRequest(
            model_spec=self._spec(version, label, signature),
            inputs={name: to_proto(np.asarray(array), packed=True) for name, array in inputs.items()},
        )
        with translated_errors(self.target):
            response = self._predict(request, timeout=self._timeout_s)
        outputs = {name: to_array(proto) for name, proto in response.outputs.items()}
        return Prediction(outputs, response.model_spec.version.value)

    def predict_images(
        self, images: Sequence[bytes], *, version: int | None = None, label: str | None = None
    ) -> Prediction:
        """Runs the model on image files, PNG or JPEG, as they are; it decodes them itself.

        Args:
          images: The bytes of one file each.
          version: As in `predict`.
          label: As in `predict`.

        Raises:
          BadRequest: The model has no signature for images, or one is none.
          ServingError: As in `predict`.
        """
        key = (version, label)
        if key not in self._image_inputs:
            self._image_inputs[key] = self._image_input(version, label)
        encoded = np.array(list(images), object)
        return self.predict(
            {self._image_inputs[key]: encoded}, version=version, label=label, signature=IMAGES_SIGNATURE
        )

    def metadata(
        self, *, version: int | None = None, label: str | None = None
    ) -> Mapping[str, saved_model_pb2.SignatureDef]:
        """The model's signatures by name.

        Raises:
          ServingError: As in `predict`.
        """
        request = serving_pb2.GetModelMetadataRequest(
            model_spec=self._spec(version, label), metadata_field=["signature_def"]
        )
        with translated_errors(self.target):
            response = self._metadata(request, timeout=self._timeout_s)
        packed = response.metadata["signature_def"].value
        return dict(saved_model_pb2.SignatureDefMap.FromString(packed).signature_def)

    def status(self) -> tuple[VersionStatus, ...]:
        """How far the server is with each version that it remembers, the highest first.

        Raises:
          ModelNotFound: It knows no version of the model.
          ServingError: As in `predict`.
        """
        request = serving_pb2.GetModelStatusRequest(model_spec=self._spec())
        with translated_errors(self.target):
            response = self._status(request, timeout=self._timeout_s)
        return tuple(
            VersionStatus(
                status.version,
                serving_pb2.ModelVersionStatus.State.Name(status.state),
                status.status.error_code,
                status.status.error_message,
            )
            for status in response.model_version_status
        )

    def wait_until_available(self, version: int | None = None, *, timeout_s: float = 60.0) -> int:
        """The version that is up, once it is; the highest if none is asked for.

        Args:
          version: Its number.
          timeout_s: In all; a server that does not listen yet is waited for, too.

        Raises:
          LoadFailed: The server gave up loading it.
          VersionNotReady: It was not up within the time limit.
        """
        end_s = time.monotonic() + timeout_s
        wanted = f"{self.target}: {'a version' if version is None else f'version {version}'} of {self.model!r}"
        while True:
            states, found = self._states(version)
            for state in states:
                if state.state == "AVAILABLE":
                    return state.version
            if states and all(state.state == "END" and state.error_code for state in states):
                raise LoadFailed(f"{wanted} cannot be loaded: {found}")
            if time.monotonic() > end_s:
                raise VersionNotReady(f"{wanted} was to be up within {timeout_s:g} s; found: {found}")
            time.sleep(_POLL_S)

    def _states(self, version: int | None) -> tuple[tuple[VersionStatus, ...], str]:
        """The states of the version or of all, and the same in words."""
        try:
            states = tuple(state for state in self.status() if version in (None, state.version))
        except (ModelNotFound, ServerUnavailable) as error:
            return (), str(error)
        words = [f"version {state.version} is {state.state} {state.error_message}".strip() for state in states]
        return states, "; ".join(words) or "no such version"

    def close(self) -> None:
        """Closes the connection if it is the client's own."""
        if self._owns_channel:
            self._channel.close()

    def __enter__(self) -> PredictClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _spec(self, version: int | None = None, label: str | None = None, signature: str = "") -> serving_pb2.ModelSpec:
        if version is not None and label is not None:
            raise BadRequest(f"a request names a version or a label, got version {version} and label {label!r}")
        spec = serving_pb2.ModelSpec(name=self.model, signature_name=signature)
        if version is not None:
            spec.version.value = version
        if label is not None:
            spec.version_label = label
        return spec

    def _image_input(self, version: int | None, label: str | None) -> str:
        signatures = self.metadata(version=version, label=label)
        if IMAGES_SIGNATURE not in signatures:
            raise BadRequest(
                f"model {self.model!r} has no signature {IMAGES_SIGNATURE!r} that takes image files, only "
                f"{', '.join(sorted(signatures))}; send arrays with `predict`"
            )
        (name,) = signatures[IMAGES_SIGNATURE].inputs
        return name
