from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from slipline.serving.client import PredictClient
from slipline.serving.client.control import ServerControl
from slipline.serving.folders.model_config import ServedModel, write_config
from slipline.serving.folders.version_folder import CONFIG_NAME
from slipline.serving.releases.deploy.deployment import (
    SETTINGS_FOLDER,
    ServingContainer,
    health_command,
    serving_container,
    write_settings,
)
from slipline.serving.server.batching.parameters import read_batching_parameters
from slipline.serving.server.metrics.monitoring import read_monitoring_config
from tests.constant_model import save_constant_model
from tests.embedded_server import EmbeddedServer, embedded_server
from tests.infra.stock_flags import flag_problems

RELEASES = Path("/srv/releases")
MODELS = ("one", "two")


def container(host: str = "127.0.0.1") -> ServingContainer:
    return serving_container(RELEASES, Path("/srv/settings"), user="1:1", host=host, port=9500, rest_port=9501)


def test_flags_are_those_of_the_stock_binary() -> None:
    assert container().config["Entrypoint"] == ["tensorflow_model_server"]
    assert flag_problems(container().config["Cmd"]) == []


def test_container_sees_the_releases_under_the_path_of_the_host() -> None:
    """So the paths of its config file, and of every reload, are right for it."""
    assert f"--model_config_file={RELEASES}/{CONFIG_NAME}" in container().config["Cmd"]
    mounts = {mount["Target"]: mount["Source"] for mount in container().config["HostConfig"]["Mounts"]}
    assert mounts == {str(RELEASES): str(RELEASES), SETTINGS_FOLDER: "/srv/settings"}


@pytest.mark.parametrize(
    ("host", "target"), [("127.0.0.1", "127.0.0.1:9500"), ("0.0.0.0", "127.0.0.1:9500"), ("10.1.2.3", "10.1.2.3:9500")]
)
def test_ledger_knows_the_container_by_the_address_of_its_grpc_port(host: str, target: str) -> None:
    assert container(host).target == target
    assert container(host).config["HostConfig"]["PortBindings"] == {
        "8500/tcp": [{"HostIp": host, "HostPort": "9500"}],
        "8501/tcp": [{"HostIp": host, "HostPort": "9501"}],
    }


def test_settings_are_files_that_a_server_reads(tmp_path: Path) -> None:
    write_settings(tmp_path / "settings")
    assert read_monitoring_config(tmp_path / "settings" / "monitoring.config") == "/monitoring/prometheus/metrics"
    assert read_batching_parameters(tmp_path / "settings" / "batching.config").max_batch_size == 64


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two models, each of them live at version 1."""
    folder = tmp_path_factory.mktemp("deployment") / "rele ases"
    for model in MODELS:
        save_constant_model(folder / model / "1", 10.0)
    write_config(folder / CONFIG_NAME, config(folder))
    return folder


@pytest.fixture(scope="module")
def server(releases: Path) -> Iterator[EmbeddedServer]:
    with embedded_server(f"--model_config_file={releases / CONFIG_NAME}") as server:
        for model in MODELS:
            with PredictClient.connect(server.target, model) as client:
                client.wait_until_available()
        yield server


def config(folder: Path, *labelled: str) -> list[ServedModel]:
    """The two models; all of them with the label `stable` unless some are named."""
    return [
        ServedModel(
            name=model,
            base_path=str(folder / model),
            versions=(1,),
            labels={"stable": 1} if model in (labelled or MODELS) else {},
        )
        for model in MODELS
    ]


def is_healthy(releases: Path, rest_port: int) -> bool:
    return subprocess.run(health_command(str(releases / CONFIG_NAME), rest_port), check=False).returncode == 0


def test_health_check_passes_while_every_model_answers_under_its_label(releases: Path, server: EmbeddedServer) -> None:
    assert is_healthy(releases, server.rest_port)


def test_health_check_fails_once_one_label_names_no_loaded_version(releases: Path, server: EmbeddedServer) -> None:
    with ServerControl(server.target) as control:
        control.reload(config(releases, "one"))
        assert not is_healthy(releases, server.rest_port)
        control.reload(config(releases))
        assert is_healthy(releases, server.rest_port)


def test_health_check_fails_where_nothing_listens(releases: Path, server: EmbeddedServer) -> None:
    assert not is_healthy(releases, 1)


def test_health_check_passes_for_a_server_that_is_to_serve_nothing(tmp_path: Path, server: EmbeddedServer) -> None:
    write_config(tmp_path / CONFIG_NAME, [])
    assert is_healthy(tmp_path, server.rest_port)


def test_readiness_follows_the_label(releases: Path, server: EmbeddedServer) -> None:
    """As Kubernetes asks; a status call would not do: it ignores the label."""
    url = f"http://127.0.0.1:{server.rest_port}"
    assert httpx.get(f"{url}/v1/models/one/labels/stable/metadata").status_code == 200
    assert httpx.get(f"{url}/v1/models/nix/labels/stable/metadata").status_code in (400, 404)
