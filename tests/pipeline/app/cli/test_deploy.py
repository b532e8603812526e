"""`slipline deploy` where no Docker engine answers; `serving/releases/deploy` has what it would start."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from slipline.pipeline.app.cli.main import main
from slipline.serving.releases.ledger import Ledger


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    monkeypatch.setenv("SLIPLINE_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize("action", [[], ["--status"], ["--stop"]])
def test_without_an_engine_it_says_what_to_do_in_one_line(action: list[str], tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["deploy", "--to", "docker", *action])
    assert result.exit_code == 1
    assert result.output.startswith("Error: no Docker engine answers")
    assert "DOCKER_HOST" in result.output
    assert result.output.count("\n") == 1


def test_without_an_engine_no_server_is_registered(tmp_path: Path) -> None:
    CliRunner().invoke(main, ["deploy", "--to", "docker"])
    with Ledger(None, tmp_path / "home" / "releases") as ledger:
        assert ledger.servers() == ()


def test_place_has_to_be_said() -> None:
    assert CliRunner().invoke(main, ["deploy"]).exit_code == 2
