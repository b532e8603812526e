"""The command line as a user runs it: a process of its own, a home of its own, real data."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.small_mnist import ROOT, write_folder

SLIPLINE = (sys.executable, "-c", "from slipline.pipeline.app.cli.main import main; main(prog_name='slipline')")
TIME_LIMIT_S = 300


@dataclass(frozen=True)
class User:
    """Runs `slipline` in the project's folder, with a home of its own.

    Attributes:
      home: The home folder.
      settings: Passed to every `slipline run` as `--set`.
    """

    home: Path
    settings: Mapping[str, object] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "SLIPLINE_HOME": str(self.home), "COLUMNS": "160"}

    def slipline(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*SLIPLINE, *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT_S,
            check=False,
        )

    def run_command(self, **changes: object) -> list[str]:
        settings = {**self.settings, **{name.replace("__", "."): value for name, value in changes.items()}}
        return ["run", *(f"--set={name}={value}" for name, value in settings.items())]

    def run(self, **changes: object) -> subprocess.CompletedProcess[str]:
        """`slipline run` with this user's settings and some changed: `run(train__seed=2)`."""
        return self.slipline(*self.run_command(**changes))

    def start_run(self, **changes: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*SLIPLINE, *self.run_command(**changes)],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @contextmanager
    def serving(self) -> Iterator[str]:
        """`slipline serve` on a free port; gives `host:port`, and ends with the block."""
        process = subprocess.Popen(
            [*SLIPLINE, "serve", "--port=0"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        try:
            found = re.search(r"serving on (\S+):", process.stdout.readline())
            assert found, "the server said nothing of where it serves"
            yield found[1]
        finally:
            process.terminate()
            process.wait(60)


@pytest.fixture(scope="session")
def digits_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2,000 digits to learn from and 500 to test with."""
    return write_folder(tmp_path_factory.mktemp("digits"), train=2000, test=500)


@pytest.fixture
def user(tmp_path: Path, digits_folder: Path) -> User:
    """A user with a small job and an empty home."""
    return small_job(tmp_path / "home", digits_folder)


def small_job(home: Path, folder: Path) -> User:
    settings = {"ingest.folder": folder, "train.epochs": 2, "evaluate.min_accuracy": 0.7, "evaluate.max_log_loss": 1.0}
    return User(home, settings)


@contextmanager
def in_background(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Does `work` in a thread until the block ends; what it raises is raised at the end."""
    stop, errors = threading.Event(), []

    def guarded() -> None:
        try:
            work(stop)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if errors:
        raise errors[0]
