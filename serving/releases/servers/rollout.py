"""The model config files and the servers that follow them, moved together."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from slipline.serving.errors import ServerUnavailable, ServingError
from slipline.serving.folders.model_config import ServedModel
from slipline.serving.releases.servers.wanted_config import at_root, narrowed, write_configs
from slipline.serving.releases.store.records import RegisteredServer

if TYPE_CHECKING:
    from slipline.serving.client.control import ServerControl

Resolve = Callable[[str], tuple[str, ...]]

CALL_TIMEOUT_S = 5.0  # a status or a reload of known models takes milliseconds


@dataclass(frozen=True)
class Reached:
    """A server that answers.

    Attributes:
      control: Takes the orders.
      root: Where it finds the releases; None for the ledger's own root.
    """

    control: ServerControl
    root: str | None

    def reload(self, models: Sequence[ServedModel], *, timeout_s: float | None = None) -> None:
        """As `ServerControl.reload`, with the paths that this server knows."""
        self.control.reload(at_root(models, self.root), timeout_s=timeout_s)

    def available(self, models: Sequence[ServedModel]) -> dict[str, list[int]]:
        """The versions that requests can reach, by the model's name."""
        return {
            model.name: [status.version for status in self.control.status(model.name) if status.state == "AVAILABLE"]
            for model in models
        }

    def begin_loading(self, models: Sequence[ServedModel], *, timeout_s: float | None = None) -> None:
        """As `reload`, but without labels of versions that the server does not have yet: it checks labels first."""
        available = self.available(models)
        self.reload([narrowed(model, model.versions, available[model.name]) for model in models], timeout_s=timeout_s)


@dataclass(frozen=True)
class Rollout:
    """One change of the config, on file and at every server that can be reached.

    Attributes:
      folder: Holds the config files.
      roots: Of all servers that follow one of these files, reached or not.
      servers: Those reached.
      model: Whose versions change.
      deadline_s: When waiting for a load ends, by the monotonic clock.
      warnings: One sentence for each server passed over.
    """

    folder: Path
    roots: frozenset[str | None]
    servers: tuple[Reached, ...]
    model: str
    deadline_s: float
    warnings: tuple[str, ...]

    def serves(self, version: int) -> bool:
        """Whether every server has the version loaded."""
        return all(server.control.serves(self.model, version) for server in self.servers)

    def apply(self, models: Sequence[ServedModel]) -> None:
        """Puts the config on file, then in force at every server.

        Raises:
          ServingError: A server does not take it; those before it have taken it.
        """
        write_configs(self.folder, models, self.roots)
        for server in self.servers:
            server.reload(models, timeout_s=self._left_s())

    def load(self, models: Sequence[ServedModel], version: int) -> None:
        """Applies a config that adds `version`, and returns once every server has it loaded.

        Raises:
          ServingError: A server does not take the config, or cannot load the version.
        """
        write_configs(self.folder, models, self.roots)
        for server in self.servers:
            server.begin_loading(models, timeout_s=self._left_s())
        for server in self.servers:
            server.control.wait_available(self.model, version, self._left_s())

    def restore(self, models: Sequence[ServedModel]) -> tuple[str, ...]:
        """Applies a former config wherever that is possible.

        Returns:
          One sentence for each place that does not take it.
        """
        failures = []
        orders: list[Callable[[], None]] = [partial(write_configs, self.folder, models, self.roots)]
        orders += [partial(server.reload, models) for server in self.servers]
        for order in orders:
            try:
                order()
            except ServingError as error:
                failures.append(f"the former config could not be put back: {error}")
        return tuple(failures)

    def _left_s(self) -> float:
        return max(CALL_TIMEOUT_S, self.deadline_s - time.monotonic())


@contextmanager
def rollout_to_registered(
    folder: Path, model: str, registered: Sequence[RegisteredServer], timeout_s: float
) -> Iterator[Rollout]:
    """A rollout to those registered servers that answer; the others read the config file when they start."""
    from slipline.serving.client.control import ServerControl  # a rerun of a pipeline calls no server

    with ExitStack() as stack:
        reached, warnings = [], []
        for server in every_address(registered):
            if process_ended(server):
                warnings.append(f"passed over {server.target}: its process {server.pid} has ended")
                continue
            control = stack.enter_context(ServerControl(server.target, timeout_s=CALL_TIMEOUT_S))
            try:
                control.status(model)
            except ServerUnavailable as error:
                warnings.append(f"passed over {server.target}: {error}")
            else:
                reached.append(Reached(control, server.root))
        roots = frozenset(server.root for server in registered)
        yield Rollout(folder, roots, tuple(reached), model, time.monotonic() + timeout_s, tuple(warnings))


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


def every_address(servers: Iterable[RegisteredServer], resolve: Resolve | None = None) -> tuple[RegisteredServer, ...]:
    """The servers, one whose name stands for several addresses replaced by one for each, in order of address.

    So it is with the pods of a headless Kubernetes service. A name that stands for one address or none stays as it is:
    connecting says what is wrong.

    Args:
      servers: As they were registered.
      resolve: From a host's name to its IPv4 addresses; None for the system's resolver.
    """
    resolve = resolve or ipv4_addresses
    return tuple(one for server in servers for one in _each(server, resolve))


def ipv4_addresses(host: str) -> tuple[str, ...]:
    """The IPv4 addresses of a host, ascending; none if its name is not known.

    IPv6 is left out, as most hosts have one address of each kind, and those are one server.
    """
    try:
        found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(sorted({str(address[0]) for *_, address in found}))


def _each(server: RegisteredServer, resolve: Resolve) -> list[RegisteredServer]:
    host, _, port = server.target.rpartition(":")
    addresses = resolve(host)
    if len(addresses) < 2:
        return [server]
    return [replace(server, target=f"{address}:{port}") for address in addresses]
