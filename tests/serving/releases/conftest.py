"""A ledger without releases; a test file may fill it by a fixture of the same name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from slipline.serving.releases.ledger import Ledger


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the ledger and its releases lie."""
    return tmp_path / "releases"


@pytest.fixture
def ledger(root: Path) -> Iterator[Ledger]:
    """Nothing is published in it."""
    with Ledger(None, root) as ledger:
        yield ledger
