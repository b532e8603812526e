"""`slipline lineage` tells what came of each execution."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from slipline.pipeline.app.cli.main import main
from tests.pipeline.report.report_bench import Bench, ingested, prepared, record, source_of


def test_made_lines_say_in_words_how_many_records_and_whether_they_passed(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(bench, source_of(tmp_path / "source", train=[record(number) for number in range(20)]))
    made = bench.outcomes[-1].made
    assert made is not None
    monkeypatch.setenv("SLIPLINE_HOME", str(bench.store.home))
    printed = CliRunner().invoke(main, ["lineage", made.execution_id]).output
    assert f"made      Anomalies {made.digest[:12]} (passed, 20 records checked)" in printed
    assert "(20 records)" in printed


def test_json_stays_complete(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = ingested(bench)
    monkeypatch.setenv("SLIPLINE_HOME", str(bench.store.home))
    (made,) = json.loads(CliRunner().invoke(main, ["lineage", examples.execution_id, "--json"]).output)
    assert made["digest"] == examples.digest
    assert made["facts"]["set_aside"] == 0
