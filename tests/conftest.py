"""Shared by all tests."""

import os
import random
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings

# No promise of ours is about the time of one example, and the machine is shared.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

SLOW_LIMIT_S = 600


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name says nothing: pytest's own holds the test's name, and so words that a test may look for."""
    return tmp_path_factory.mktemp("".join(random.Random().choices("jqvxz", k=12)), numbered=False)


class Flushed(NamedTuple):
    """What was flushed to disk.

    Attributes:
      path: Its name at that time.
      size_bytes: Its length then.
    """

    path: Path
    size_bytes: int


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[Flushed]:
    """All that is flushed to disk from now on, in order; without pulling the plug nothing else shows it."""
    seen: list[Flushed] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        seen.append(Flushed(Path(f"/proc/self/fd/{descriptor}").readlink(), os.fstat(descriptor).st_size))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    return seen


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which server the suite marked `tfserving` drives; by default the embedded one, as a process."""
    group = parser.getgroup("tfserving")
    group.addoption("--tfserving-target", metavar="HOST:PORT", help="one that runs already; its models are replaced")
    group.addoption("--tfserving-binary", metavar="PATH", help="TensorFlow Serving's binary, started by the tests")
    group.addoption("--tfserving-releases", metavar="DIR", help="a folder that the server at --tfserving-target sees")
    group.addoption("--tfserving-releases-at", metavar="DIR", help="the path under which it sees that folder")


def pytest_configure(config: pytest.Config) -> None:
    """Makes the marker known."""
    config.addinivalue_line("markers", "tfserving: drives whatever server --tfserving-target or -binary names")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives each slow test its time limit; that of all others stands in pyproject.toml."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_LIMIT_S))
