"""Tells a model server what to load, and asks it how far it is: the embedded one or TensorFlow Serving."""

from __future__ import annotations

import time
from collections.abc import Sequence

import grpc

from slipline.serving.client.blocking import BlockingTransport
from slipline.serving.client.client_settings import ClientSettings, RetryPolicy
from slipline.serving.client.known_models import Choice
from slipline.serving.client.operations import Operations
from slipline.serving.client.prediction import VersionStatus
from slipline.serving.errors import ConfigRefused, ModelNotFound, PromotionFailed, VersionNotReady
from slipline.serving.folders.model_config import ServedModel

_POLL_S = 0.05
# A server remembers how an earlier load of the same version ended, and takes up a new order within 0.1 s.
_OLD_NEWS_S = 1.0


class ServerControl:
    """The orders that one server takes; a context manager that closes its connection."""

    def __init__(self, target: str, *, timeout_s: float = 10.0) -> None:
        self.target = target
        self._settings = ClientSettings(timeout_s=timeout_s, retry=RetryPolicy(max_attempts=1))
        # Its own connection: a shared one would remember for seconds that a server was down before.
        self._channel = grpc.insecure_channel(target, options=[("grpc.use_local_subchannel_pool", 1)])
        self._run = BlockingTransport([self._channel]).run

    def status(self, model: str) -> tuple[VersionStatus, ...]:
        """Every version of `model` that the server remembers; none if it does not know the model.

        Raises:
          ServerUnavailable: Nothing answers there.
          DeadlineExceeded: No answer within the time limit.
        """
        try:
            return self._run(self._asked_of(model).status())
        except ModelNotFound:
            return ()

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
        asked = self._asked_of(model)
        try:
            version, _ = self._run(asked.described(Choice(label=label), asked.deadline_s(None)))
        except (ModelNotFound, VersionNotReady):
            return None
        return version

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
        try:
            self._run(self._asked_of("").reload_config(models, timeout_s=timeout_s))
        except ConfigRefused as error:
            if error.__cause__ is None:  # no server was asked
                raise
            raise ConfigRefused(f"{self.target} refused the model config: {_words(error.__cause__)}") from error

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

    def _asked_of(self, model: str) -> Operations:
        return Operations.at([self.target], model, self._settings)

    def _version(self, model: str, version: int) -> VersionStatus:
        for status in self.status(model):
            if status.version == version:
                return status
        return VersionStatus(version, "not known to the server", 0, "")


def _words(error: BaseException) -> str:
    return error.__cause__.details() if isinstance(error.__cause__, grpc.RpcError) else str(error)
