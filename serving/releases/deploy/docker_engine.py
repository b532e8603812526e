"""A Docker engine that runs TensorFlow Serving: starts the container, tells how it is, stops it.

The Docker SDK is an extra of its own and is imported here alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slipline.serving.errors import DeploymentFailed
from slipline.serving.releases.deploy.deployment import TARGET_LABEL, ServingContainer

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

_POLL_S = 0.5
_LOG_LINES = 5
_CALL_TIMEOUT_S = 60  # the SDK's own; a pull has no limit but the network's


@dataclass(frozen=True, kw_only=True)
class ContainerStatus:
    """How a container is.

    Attributes:
      name: Its name.
      image: What it was made of.
      state: As the engine says: running, exited...
      health: As the engine says: starting, healthy, unhealthy.
      target: `host:port` of the gRPC port; empty if the container was not started here.
    """

    name: str
    image: str
    state: str
    health: str
    target: str


class DockerEngine:
    """The engine that `DOCKER_HOST` names, or the one of this machine; a context manager that closes its connection."""

    def __init__(self) -> None:
        """Connects.

        Raises:
          DeploymentFailed: The Docker SDK is not installed, or no engine answers.
        """
        try:
            import docker
            from docker.errors import DockerException
        except ImportError as error:
            raise DeploymentFailed("the Docker SDK is not installed; pip install 'slipline[docker]'") from error
        try:
            self._client: DockerClient = docker.from_env(timeout=_CALL_TIMEOUT_S)
            self._client.ping()
        except DockerException as error:
            raise DeploymentFailed(
                f"no Docker engine answers ({_innermost(error)}); start one, or name one in DOCKER_HOST. "
                "`slipline serve` needs none"
            ) from error

    def start(self, container: ServingContainer, *, timeout_s: float) -> None:
        """Pulls the image if it is missing, and returns once the container is healthy.

        Raises:
          DeploymentFailed: The name is taken, the engine refuses, or the container ended or did not become healthy in
            time; it is then left as it is, for its log.
        """
        if self.status(container.name) is not None:
            raise DeploymentFailed(
                f"a container {container.name!r} is there already; "
                f"`slipline deploy --to docker --name {container.name} --stop` removes it, "
                "another --name and other ports start another"
            )
        with _our_errors(f"container {container.name!r} was not started"):
            self._pull(container.config["Image"])
            made = self._client.api.create_container_from_config(container.config, container.name)  # type: ignore[no-untyped-call]
            self._client.api.start(made["Id"])
        self._await_health(container, timeout_s)

    def stop(self, name: str) -> None:
        """Stops the container and removes it.

        Raises:
          DeploymentFailed: There is none, or the engine refuses.
        """
        container = self._find(name)
        if container is None:
            raise DeploymentFailed(f"there is no container {name!r}, so nothing to stop; `docker ps --all` lists all")
        with _our_errors(f"container {name!r} was not stopped"):
            container.stop()
            container.remove()

    def status(self, name: str) -> ContainerStatus | None:
        """How the container is; None if there is none."""
        container = self._find(name)
        if container is None:
            return None
        state = container.attrs["State"]
        return ContainerStatus(
            name=name,
            image=container.attrs["Config"]["Image"],
            state=state["Status"],
            health=state.get("Health", {}).get("Status", "not checked"),
            target=container.labels.get(TARGET_LABEL, ""),
        )

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    def __enter__(self) -> DockerEngine:
        return self

    def __exit__(self, *ended: object) -> None:
        self.close()

    def _find(self, name: str) -> Container | None:
        from docker.errors import NotFound

        with _our_errors(f"the engine does not tell how container {name!r} is"):
            try:
                return self._client.containers.get(name)
            except NotFound:
                return None

    def _pull(self, image: str) -> None:
        from docker.errors import ImageNotFound

        try:
            self._client.images.get(image)
        except ImageNotFound:
            self._client.images.pull(image)

    def _await_health(self, container: ServingContainer, timeout_s: float) -> None:
        end_s = time.monotonic() + timeout_s
        while True:
            status = self.status(container.name)
            if status is not None and (status.state, status.health) == ("running", "healthy"):
                return
            if status is None or status.state != "running" or time.monotonic() > end_s:
                found = "gone" if status is None else f"{status.state}, {status.health}"
                raise DeploymentFailed(
                    f"container {container.name!r} was to be healthy within {timeout_s:g} s, it is {found}. "
                    f"Its log ends with: {self._log_end(container.name)}. `docker logs {container.name}` shows it all, "
                    f"`slipline deploy --to docker --name {container.name} --stop` removes it"
                )
            time.sleep(_POLL_S)

    def _log_end(self, name: str) -> str:
        container = self._find(name)
        text = container.logs(tail=_LOG_LINES).decode(errors="replace") if container is not None else ""
        return " | ".join(text.split("\n")).strip(" |") or "nothing"


@contextmanager
def _our_errors(what_failed: str) -> Iterator[None]:
    from docker.errors import DockerException
    from requests import RequestException  # what the SDK lets through when the engine goes away

    try:
        yield
    except (DockerException, RequestException) as error:
        raise DeploymentFailed(f"{what_failed}: {_innermost(error)}; see `docker info` and the engine's log") from error


def _innermost(error: BaseException) -> str:
    """The first line of what the engine or the operating system said, without the layers around it."""
    from docker.errors import APIError

    if isinstance(error, APIError) and error.explanation:
        return str(error.explanation).strip().partition("\n")[0]
    while (inner := error.__context__ or error.__cause__) is not None:
        error = inner
    return str(error).partition("\n")[0]
