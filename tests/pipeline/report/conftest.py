"""What tests of the report have in common."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from slipline.pipeline.store.store import Store
from tests.pipeline.report.report_bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Store.open(tmp_path / "home") as store:
        bench = Bench(store=store)
        bench.run_id = store.begin_run("mnist")
        yield bench
