"""The model config file and the servers that follow it, moved together."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from serving.control import ServerControl
from serving.errors import ServerUnavailable, ServingError
from serving.model_config import ServedModel, write_config
from serving.release_records import RegisteredServer

_CALL_TIMEOUT_S = 5.0  # a status or a reload of known models takes milliseconds


@dataclass(frozen=True)
class Rollout:
    """One change of the config, on file and at every server that can be reached.

    Attributes:
      config_path: The model config file.
      controls: The servers reached.
      model: Whose versions change.
      deadline_s: When waiting for a load ends, by the monotonic clock.
      warnings: One sentence for each server passed over.
    """

    config_path: Path
    controls: tuple[ServerControl, ...]
    model: str
    deadline_s: float
    warnings: tuple[str, ...]

    def serves(self, version: int) -> bool:
        """Whether every server has the version loaded."""
        return all(
            any(status.version == version and status.state == "AVAILABLE" for status in control.status(self.model))
            for control in self.controls
        )

    def apply(self, models: Sequence[ServedModel]) -> None:
        """Puts the config on file, then in force at every server.

        Raises:
          ServingError: A server does not take it; those before it have taken it.
        """
        write_config(self.config_path, models)
        for control in self.controls:
            control.reload(models, timeout_s=self._left_s())

    def load(self, models: Sequence[ServedModel], version: int) -> None:
        """Applies a config that adds `version`, and returns once every server has it loaded.

        Raises:
          ServingError: A server does not take the config, or cannot load the version.
        """
        self.apply(models)
        for control in self.controls:
            control.wait_available(self.model, version, self._left_s())

    def restore(self, models: Sequence[ServedModel]) -> tuple[str, ...]:
        """Applies a former config wherever that is possible.

        Returns:
          One sentence for each place that does not take it.
        """
        failures = []
        orders: list[Callable[[Sequence[ServedModel]], None]] = [partial(write_config, self.config_path)]
        orders += [control.reload for control in self.controls]
        for order in orders:
            try:
                order(models)
            except ServingError as error:
                failures.append(f"the former config could not be put back: {error}")
        return tuple(failures)

    def _left_s(self) -> float:
        return max(_CALL_TIMEOUT_S, self.deadline_s - time.monotonic())


@contextmanager
def rollout_to_named(config_path: Path, model: str, targets: Sequence[str], timeout_s: float) -> Iterator[Rollout]:
    """A rollout to servers that somebody named: one that does not answer is an error.

    Raises:
      ServerUnavailable: Nothing answers at one of them.
    """
    with ExitStack() as stack:
        controls = tuple(stack.enter_context(ServerControl(target, timeout_s=_CALL_TIMEOUT_S)) for target in targets)
        for control in controls:
            control.status(model)
        yield Rollout(config_path, controls, model, time.monotonic() + timeout_s, ())


@contextmanager
def rollout_to_registered(
    config_path: Path, model: str, servers: Sequence[RegisteredServer], timeout_s: float
) -> Iterator[Rollout]:
    """A rollout to those registered servers that answer; the others read the config file when they start."""
    with ExitStack() as stack:
        controls, warnings = [], []
        for server in servers:
            if process_ended(server):
                warnings.append(f"passed over {server.target}: its process {server.pid} has ended")
                continue
            control = stack.enter_context(ServerControl(server.target, timeout_s=_CALL_TIMEOUT_S))
            try:
                control.status(model)
            except ServerUnavailable as error:
                warnings.append(f"passed over {server.target}: {error}")
            else:
                controls.append(control)
        yield Rollout(config_path, tuple(controls), model, time.monotonic() + timeout_s, tuple(warnings))


def process_ended(server: RegisteredServer) -> bool:
    """Whether the server has surely ended, so that whatever listens at its target now is somebody else's."""
    if server.pid is None or server.host != socket.gethostname():
        return False
    try:
        os.kill(server.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
