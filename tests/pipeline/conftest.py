from collections.abc import Iterator
from pathlib import Path

import pytest

from slipline.pipeline.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store in a home of its own."""
    with Store.open(tmp_path / "home") as opened:
        yield opened
