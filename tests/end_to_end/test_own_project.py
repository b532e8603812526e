"""A project of one's own, as `slipline init` writes it: it runs, its test passes, its types hold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.conftest import SLIPLINE, TIME_LIMIT_S

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    done = called(folder, *SLIPLINE, "init", "digits_of_mine", "--like", "mnist")
    assert done.returncode == 0, done.stderr
    return folder / "digits_of_mine"


def called(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "SLIPLINE_HOME"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=TIME_LIMIT_S, check=False
    )


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return called(project, *SLIPLINE, "run", "digits_of_mine.toml", *arguments)


def test_project_runs_and_releases_and_its_own_gate_holds(project: Path, digits_folder: Path) -> None:
    small = (
        f"--set=ingest.folder={digits_folder}",
        "--set=evaluate.min_accuracy=0.7",
        "--set=evaluate.max_log_loss=1.0",
    )
    ran = run(project, *small, "--json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    outcome = json.loads(ran.stdout)
    assert outcome["passed"]
    assert [step["step"] for step in outcome["steps"]].count("check_balance") == 1
    assert outcome["release"]["model"] == "digits_of_mine"
    again = json.loads(run(project, *small, "--json").stdout)
    assert {step["status"] for step in again["steps"]} == {"cached"}
    held = run(project, *small, "--set=least_of_each_label=1000")
    assert held.returncode == 1
    assert "label 0: " in held.stdout
    assert "at least 1000 are wanted" in held.stdout
    made = json.loads(called(project, *SLIPLINE, "lineage", "digits_of_mine@1", "--json").stdout)
    assert "check_balance" in {one["step"] for one in made}


def test_project_passes_its_own_test_as_pytest_finds_it(project: Path) -> None:
    tested = called(project, sys.executable, "-m", "pytest", "-p", "no:cacheprovider")
    assert tested.returncode == 0, tested.stdout
    assert "2 passed" in tested.stdout


def test_project_is_typed(project: Path) -> None:
    told = called(project, sys.executable, "-m", "mypy", "--strict", "--no-incremental", ".")
    assert told.returncode == 0, told.stdout
