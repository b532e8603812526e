"""The suite's own options, each tried with the embedded server in the place of TensorFlow Serving."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.embedded_server import ROOT, embedded_server

STORY = "tests/tfserving/test_release_story.py"


def run_suite(*options: str) -> str:
    """The last line of the fast part of the suite."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", STORY, *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip().split("\n")[-1]


@pytest.mark.slow
def test_suite_drives_a_server_that_runs_already_and_sees_the_releases_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").symlink_to(tmp_path / "here")
    (tmp_path / "empty.config").touch()
    with embedded_server(f"--model_config_file={tmp_path / 'empty.config'}", "--max_num_load_retries=0") as server:
        here, there = f"--tfserving-releases={tmp_path / 'here'}", f"--tfserving-releases-at={tmp_path / 'there'}"
        last_line = run_suite(f"--tfserving-target={server.target}", here, there)
    assert "passed" in last_line
    assert "failed" not in last_line
    assert "error" not in last_line


@pytest.mark.slow
def test_suite_starts_the_binary_it_is_given(tmp_path: Path) -> None:
    binary = tmp_path / "tensorflow_model_server"
    binary.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m slipline.serving.server "$@"\n')
    binary.chmod(0o755)
    last_line = run_suite(f"--tfserving-binary={binary}")
    assert "passed" in last_line
    assert "failed" not in last_line
    assert "error" not in last_line
