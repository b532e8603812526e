"""The compose file: what Docker Compose would start, without Docker."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import compose_spec
import pytest
import yaml

from slipline.serving.folders.version_folder import CONFIG_NAME
from slipline.serving.releases.deploy.deployment import IMAGE, serving_container, write_settings
from tests.infra.compose_file import COMPOSE, INFRA, rendered, rendered_text
from tests.infra.stock_flags import flag_problems

RELEASES = "/srv/slip line/releases"
PROGRAM = shutil.which("docker-compose")
VALUES = {"SLIPLINE_RELEASES": RELEASES, "GRAFANA_PASSWORD": "secret"}


@pytest.fixture
def serving() -> dict[str, Any]:
    service: dict[str, Any] = rendered(VALUES)["services"]["serving"]
    return service


def test_file_follows_the_compose_specification() -> None:
    # The checker wants an address where Compose also takes the word host-gateway.
    compose_spec.PyCompose.from_yaml(rendered_text(VALUES).replace(":host-gateway", ":127.0.0.1"))


@pytest.mark.parametrize(
    ("right", "wrong"), [("mem_limit", "memlimit"), ("retries: 3", "retries: x"), ("service_healthy", "service_well")]
)
def test_checker_refuses_what_compose_would(right: str, wrong: str) -> None:
    text = rendered_text(VALUES).replace(":host-gateway", ":127.0.0.1")
    assert right in text
    with pytest.raises(ValueError, match="services"):
        compose_spec.PyCompose.from_yaml(text.replace(right, wrong))


@pytest.mark.skipif(PROGRAM is None, reason="Docker Compose is not installed")
def test_compose_itself_reads_the_file_as_these_tests_do() -> None:
    command = [str(PROGRAM), "--file", str(COMPOSE), "config"]
    text = subprocess.run(command, env=VALUES, check=True, capture_output=True, text=True).stdout
    said, ours = yaml.safe_load(text)["services"]["serving"], rendered(VALUES)["services"]["serving"]
    assert said["command"] == ours["command"]
    assert [word.replace("$$", "$") for word in said["healthcheck"]["test"]] == ours["healthcheck"]["test"]


@pytest.mark.parametrize("missing", VALUES)
def test_variable_that_has_no_default_is_asked_for(missing: str) -> None:
    """Compose stops with the text behind `:?`."""
    with pytest.raises(KeyError, match=missing):
        rendered({name: value for name, value in VALUES.items() if name != missing})
    assert re.search(rf"\$\{{{missing}:\?[^}}]+\}}", COMPOSE.read_text())


def test_every_image_is_pinned_by_version() -> None:
    for service in rendered(VALUES)["services"].values():
        assert re.search(r":v?\d+\.\d+\.\d+$", service["image"])


def test_server_is_the_one_that_slipline_deploy_starts(serving: dict[str, Any]) -> None:
    config = serving_container(Path(RELEASES), INFRA / "serving", user="1000:1000").config
    check, host = config["Healthcheck"], config["HostConfig"]
    assert serving["image"] == config["Image"] == IMAGE
    assert (serving["entrypoint"], serving["command"]) == (config["Entrypoint"], config["Cmd"])
    assert serving["healthcheck"] == {
        "test": check["Test"],
        "interval": f"{check['Interval'] // 10**9}s",
        "timeout": f"{check['Timeout'] // 10**9}s",
        "start_period": f"{check['StartPeriod'] // 10**9}s",
        "retries": check["Retries"],
    }
    assert serving["user"] == config["User"]
    assert serving["init"] == host["Init"]
    assert serving["restart"] == host["RestartPolicy"]["Name"]
    assert serving["tmpfs"] == [":".join(mounted) for mounted in host["Tmpfs"].items()]
    assert serving["pids_limit"] == host["PidsLimit"]
    assert serving["mem_limit"] == f"{host['Memory'] // 2**30}g"
    assert serving["ports"] == [
        f"{bound['HostIp']}:{bound['HostPort']}:{inside.removesuffix('/tcp')}"
        for inside, (bound,) in host["PortBindings"].items()
    ]
    mounts = [(str((COMPOSE.parent / mount["source"]).resolve()), mount["target"]) for mount in serving["volumes"]]
    assert mounts == [(mount["Source"], mount["Target"]) for mount in host["Mounts"]]


def test_server_can_change_nothing(serving: dict[str, Any]) -> None:
    assert all(mount["read_only"] for mount in serving["volumes"])
    assert serving["read_only"]
    assert serving["cap_drop"] == ["ALL"]
    assert serving["security_opt"] == ["no-new-privileges"]
    assert not serving["user"].startswith("0")


def test_flags_are_those_of_the_stock_binary(serving: dict[str, Any]) -> None:
    assert flag_problems(serving["command"]) == []
    assert f"--model_config_file={RELEASES}/{CONFIG_NAME}" in serving["command"]


def test_settings_folder_holds_what_slipline_deploy_writes(tmp_path: Path) -> None:
    write_settings(tmp_path)
    assert {file.name: file.read_text() for file in (INFRA / "serving").glob("*.config")} == {
        file.name: file.read_text() for file in tmp_path.iterdir()
    }


def test_every_file_that_is_mounted_is_there() -> None:
    """Docker would make a folder of a missing one."""
    for service in rendered(VALUES)["services"].values():
        for mount in service["volumes"]:
            source = mount["source"] if isinstance(mount, dict) else mount.split(":")[0]
            assert not source.startswith(".") or (COMPOSE.parent / source).exists(), source
