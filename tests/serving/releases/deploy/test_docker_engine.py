"""What the engine is told, and what a person is told where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slipline.serving.errors import DeploymentFailed
from slipline.serving.releases.deploy.deployment import ServingContainer, serving_container
from slipline.serving.releases.deploy.docker_engine import DockerEngine, container_config


@pytest.fixture
def container() -> ServingContainer:
    return serving_container(Path("/srv/releases"), Path("/srv/settings"), user="1000:1000", name="mine")


@pytest.fixture
def config(container: ServingContainer) -> dict[str, Any]:
    return dict(container_config(container, "1.43"))


def test_engine_is_told_the_image_the_flags_and_the_user(container: ServingContainer, config: dict[str, Any]) -> None:
    assert config["Image"] == container.image
    assert (*config["Entrypoint"], *config["Cmd"]) == container.command
    assert config["User"] == "1000:1000"
    assert config["Labels"] == {"dev.slipline.target": "127.0.0.1:8500"}


def test_container_can_change_nothing(config: dict[str, Any]) -> None:
    host = config["HostConfig"]
    assert all(mount["ReadOnly"] and mount["Type"] == "bind" for mount in host["Mounts"])
    assert [mount["Source"] for mount in host["Mounts"]] == ["/srv/releases", "/srv/settings"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]


def test_container_has_limits_and_is_started_again_unless_it_was_stopped(
    container: ServingContainer, config: dict[str, Any]
) -> None:
    host = config["HostConfig"]
    assert host["Memory"] == container.memory_bytes
    assert host["PidsLimit"] == container.processes
    assert host["RestartPolicy"] == {"Name": "unless-stopped"}
    assert host["Init"]


def test_ports_are_those_of_this_machine(config: dict[str, Any]) -> None:
    bound = config["HostConfig"]["PortBindings"]
    assert bound["8500/tcp"] == [{"HostIp": "127.0.0.1", "HostPort": "8500"}]
    assert bound["8501/tcp"] == [{"HostIp": "127.0.0.1", "HostPort": "8501"}]
    assert config["ExposedPorts"].keys() == {"8500/tcp", "8501/tcp"}


def test_health_check_is_in_nanoseconds(container: ServingContainer, config: dict[str, Any]) -> None:
    assert config["Healthcheck"]["Test"] == ["CMD", *container.health.command]
    assert config["Healthcheck"]["Interval"] == container.health.interval_s * 10**9


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
