"""Tells a model server what to load, and asks it how far it is: the embedded one or TensorFlow Serving."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import grpc

from slipline.serving.errors import BadRequest, ConfigRefused, ModelNotFound, PromotionFailed, VersionNotReady
from slipline.serving.folders.model_config import ServedModel, to_proto
from slipline.serving.wire import serving_pb2
from slipline.serving.wire.grpc_errors import translated_errors

_SERVICE = "/tensorflow.serving.ModelService/"
_POLL_S = 0.05
# A server remembers how an earlier load of the same version ended, and takes up a new order within 0.1 s.
_OLD_NEWS_S = 1.0


@dataclass(frozen=True)
class VersionStatus:
    """How a server stands to one version.

    Attributes:
      version: Its number.
      state: UNKNOWN, START, LOADING, AVAILABLE, UNLOADING or END.
      error_code: gRPC status number; 0 where nothing went wrong.
      error_message: The server's words; empty where nothing went wrong.
    """

    version: int
    state: str
    error_code: int
    error_message: str


class ServerControl:
    """The orders that one server takes; a context manager that closes its connection."""

    def __init__(self, target: str, *, timeout_s: float = 10.0) -> None:
        self.target = target
        self._timeout_s = timeout_s
        # Its own connection: a shared one would remember for seconds that a server was down before.
        self._channel = grpc.insecure_channel(target, options=[("grpc.use_local_subchannel_pool", 1)])
        self._get_status = self._channel.unary_unary(
            _SERVICE + "GetModelStatus",
            request_serializer=serving_pb2.GetModelStatusRequest.SerializeToString,
            response_deserializer=serving_pb2.GetModelStatusResponse.FromString,
        )
        self._get_metadata = self._channel.unary_unary(
            "/tensorflow.serving.PredictionService/GetModelMetadata",
            request_serializer=serving_pb2.GetModelMetadataRequest.SerializeToString,
            response_deserializer=serving_pb2.GetModelMetadataResponse.FromString,
        )
        self._reload = self._channel.unary_unary(
            _SERVICE + "HandleReloadConfigRequest",
            request_serializer=serving_pb2.ReloadConfigRequest.SerializeToString,
            response_deserializer=serving_pb2.ReloadConfigResponse.FromString,
        )

    def status(self, model: str) -> tuple[VersionStatus, ...]:
        """Every version of `model` that the server remembers; none if it does not know the model.

        Raises:
          ServerUnavailable: Nothing answers there.
          DeadlineExceeded: No answer within the time limit.
        """
        request = serving_pb2.GetModelStatusRequest(model_spec=serving_pb2.ModelSpec(name=model))
        try:
            with translated_errors(self.target):
                response = self._get_status(request, timeout=self._timeout_s)
        except ModelNotFound:
            return ()
        return tuple(map(version_status, response.model_version_status))

    def serves(self, model: str, version: int) -> bool:
        """Whether requests can reach the version now.

        Raises:
          ServerUnavailable: Nothing answers there.
        """
        return self._version(model, version).state == "AVAILABLE"

    def given_up(self, model: str) -> set[int]:
        """The versions whose load failed for good; a server tries them again only after they were not wanted.

        Raises:
          ServerUnavailable: Nothing answers there.
        """
        return {status.version for status in self.status(model) if status.state == "END" and status.error_code}

    def label(self, model: str, label: str) -> int | None:
        """The loaded version that `label` names; None if it names none.

        GetModelStatus does not look at labels; the signatures of a label come with the version they are of.

        Raises:
          ServerUnavailable: Nothing answers there.
        """
        spec = serving_pb2.ModelSpec(name=model, version_label=label)
        request = serving_pb2.GetModelMetadataRequest(model_spec=spec, metadata_field=["signature_def"])
        try:
            with translated_errors(self.target):
                response = self._get_metadata(request, timeout=self._timeout_s)
        except (ModelNotFound, VersionNotReady):
            return None
        return int(response.model_spec.version.value)

    def reload(self, models: Sequence[ServedModel], *, timeout_s: float | None = None) -> None:
        """Makes `models` the server's whole config; returns before new versions of known models are loaded.

        Args:
          models: What to serve; models left out are unloaded.
          timeout_s: Longer than other calls where a model is new, as the server then answers once it is loaded.

        Raises:
          ConfigRefused: The server cannot follow this config, such as a label for a version not loaded yet.
          ServerUnavailable: Nothing answers there.
          DeadlineExceeded: No answer within the time limit.
        """
        request = serving_pb2.ReloadConfigRequest(config=to_proto(models))
        try:
            with translated_errors(self.target):
                self._reload(request, timeout=timeout_s or self._timeout_s)
        except BadRequest as error:
            raise ConfigRefused(f"{self.target} refused the model config: {_words(error)}") from error

    def wait_available(self, model: str, version: int, timeout_s: float) -> None:
        """Returns once requests can reach the version.

        Raises:
          PromotionFailed: The server gave the version up, or has not loaded it within the time limit.
          ServerUnavailable: The server went away meanwhile.
        """
        begin_s = time.monotonic()
        begun = False
        while True:
            status = self._version(model, version)
            waited_s = time.monotonic() - begin_s
            if status.state == "AVAILABLE":
                return
            if status.state == "END" and status.error_code and (begun or waited_s > _OLD_NEWS_S):
                raise PromotionFailed(
                    f"{self.target} cannot load version {version} of {model!r}: {status.error_message}; "
                    "the server's log says more"
                )
            if waited_s > timeout_s:
                raise PromotionFailed(
                    f"{self.target}: version {version} of {model!r} was to be AVAILABLE within {timeout_s:g} s, "
                    f"it is {status.state}; allow more time, or see the server's log"
                )
            begun = begun or status.state in ("START", "LOADING")
            time.sleep(_POLL_S)

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def __enter__(self) -> ServerControl:
        return self

    def __exit__(self, *ended: object) -> None:
        self.close()

    def _version(self, model: str, version: int) -> VersionStatus:
        for status in self.status(model):
            if status.version == version:
                return status
        return VersionStatus(version, "not known to the server", 0, "")


def version_status(status: serving_pb2.ModelVersionStatus) -> VersionStatus:
    """What a server says of one version."""
    return VersionStatus(
        version=status.version,
        state=serving_pb2.ModelVersionStatus.State.Name(status.state),
        error_code=status.status.error_code,
        error_message=status.status.error_message,
    )


def _words(error: BaseException) -> str:
    return error.__cause__.details() if isinstance(error.__cause__, grpc.RpcError) else str(error)
