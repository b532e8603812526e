"""What the engine is told, and what a person is told where there is none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slipline.serving.errors import DeploymentFailed
from slipline.serving.releases.deploy.deployment import (
    IMAGE,
    ServingContainer,
    health_command,
    server_flags,
    serving_container,
)
from slipline.serving.releases.deploy.docker_engine import ContainerStatus, DockerEngine
from tests.serving.releases.deploy.engine import Engine


@pytest.fixture
def container() -> ServingContainer:
    return serving_container(Path("/srv/releases"), Path("/srv/settings"), user="1000:1000", name="mine")


@pytest.fixture
def config(container: ServingContainer) -> dict[str, Any]:
    return dict(container.config)


def test_engine_is_told_the_image_the_flags_and_the_user(config: dict[str, Any]) -> None:
    assert config["Image"] == IMAGE
    assert config["Cmd"] == list(server_flags("/srv/releases/models.config"))
    assert config["User"] == "1000:1000"
    assert config["Labels"] == {"dev.slipline.target": "127.0.0.1:8500"}


def test_container_can_change_nothing(config: dict[str, Any]) -> None:
    host = config["HostConfig"]
    assert all(mount["ReadOnly"] and mount["Type"] == "bind" for mount in host["Mounts"])
    assert [mount["Source"] for mount in host["Mounts"]] == ["/srv/releases", "/srv/settings"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]


def test_container_has_limits_and_is_started_again_unless_it_was_stopped(config: dict[str, Any]) -> None:
    host = config["HostConfig"]
    assert host["Memory"] == 4 * 2**30
    assert host["PidsLimit"] == 1024
    assert host["RestartPolicy"] == {"Name": "unless-stopped"}
    assert host["Init"]
    assert host["Tmpfs"] == {"/tmp": "size=64m"}


def test_ports_are_those_of_this_machine(config: dict[str, Any]) -> None:
    bound = config["HostConfig"]["PortBindings"]
    assert bound["8500/tcp"] == [{"HostIp": "127.0.0.1", "HostPort": "8500"}]
    assert bound["8501/tcp"] == [{"HostIp": "127.0.0.1", "HostPort": "8501"}]
    assert config["ExposedPorts"].keys() == {"8500/tcp", "8501/tcp"}


def test_health_check_is_in_nanoseconds(config: dict[str, Any]) -> None:
    check = config["Healthcheck"]
    assert check["Test"] == ["CMD", *health_command("/srv/releases/models.config", 8501)]
    seconds = [check[name] / 10**9 for name in ("Interval", "Timeout", "StartPeriod")]
    assert (seconds, check["Retries"]) == ([10, 5, 60], 3)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    engine = Engine()
    threading.Thread(target=engine.serve_forever, daemon=True).start()
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    yield engine
    engine.shutdown()
    engine.server_close()


def test_container_is_started_from_an_image_that_is_pulled_if_it_is_missing(
    engine: Engine, container: ServingContainer
) -> None:
    engine.states = [("running", "starting"), ("running", "healthy")]
    with DockerEngine() as docker:
        docker.start(container, timeout_s=60)
        assert engine.done == ["pull", "create", "start"]
        assert engine.containers["mine"] == container.config
        assert docker.status("mine") == ContainerStatus(
            name="mine", image=IMAGE, state="running", health="healthy", target="127.0.0.1:8500"
        )
        with pytest.raises(DeploymentFailed, match=r"'mine' is there already; `slipline deploy --to docker"):
            docker.start(container, timeout_s=60)
        docker.stop("mine")
        docker.start(container, timeout_s=60)
    assert engine.done == ["pull", "create", "start", "stop", "remove", "create", "start"]


@pytest.mark.parametrize(
    ("states", "found"),
    [
        ([("running", "starting")], "running, starting"),
        ([("running", "unhealthy")], "running, unhealthy"),
    ],
)
def test_container_that_does_not_become_healthy_is_left_with_the_end_of_its_log(
    engine: Engine, container: ServingContainer, states: list[tuple[str, str]], found: str
) -> None:
    engine.states = states
    with DockerEngine() as docker, pytest.raises(DeploymentFailed) as failed:
        docker.start(container, timeout_s=0.0)
    assert str(failed.value).startswith(f"container 'mine' was to be healthy within 0 s, it is {found}. ")
    assert "Its log ends with: one | two. `docker logs mine` shows it all" in str(failed.value)
    assert "mine" in engine.containers


def test_container_that_ended_is_not_waited_for(engine: Engine, container: ServingContainer) -> None:
    engine.states, engine.log = [("running", "starting"), ("exited", "")], "\n"
    with DockerEngine() as docker, pytest.raises(DeploymentFailed, match=r"it is exited, not checked\. .*: nothing\."):
        docker.start(container, timeout_s=1000)


def test_container_that_is_not_there_has_no_status_and_cannot_be_stopped(engine: Engine) -> None:
    with DockerEngine() as docker:
        assert docker.status("mine") is None
        with pytest.raises(DeploymentFailed, match="there is no container 'mine', so nothing to stop"):
            docker.stop("mine")
    assert engine.done == []


def test_engine_that_refuses_is_quoted(engine: Engine, container: ServingContainer) -> None:
    engine.refusal = "no space left\nand more"
    with DockerEngine() as docker:
        words = r"^container 'mine' was not started: no space left; see `docker info` and the engine's log$"
        with pytest.raises(DeploymentFailed, match=words):
            docker.start(container, timeout_s=60)
        engine.containers["mine"] = {"Image": "i", "Labels": {}}
        assert docker.status("mine") == ContainerStatus(
            name="mine", image="i", state="running", health="healthy", target=""
        )
        with pytest.raises(DeploymentFailed, match=r"^container 'mine' was not stopped: no space left; see"):
            docker.stop("mine")


def test_missing_engine_is_one_line_with_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    with pytest.raises(DeploymentFailed) as failed:
        DockerEngine()
    assert str(failed.value) == (
        "no Docker engine answers ([Errno 2] No such file or directory); start one, or name one in DOCKER_HOST. "
        "`slipline serve` needs none"
    )


def test_engine_that_goes_away_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(DeploymentFailed, match=r"^no Docker engine answers \(.*refused.*\)"):
        DockerEngine()
