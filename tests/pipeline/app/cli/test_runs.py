"""`slipline runs` tells of each run how it went and which gate closed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from slipline.pipeline.app.cli.main import main
from slipline.pipeline.core.graph import Pipeline
from slipline.pipeline.store.history import recorded_runs
from slipline.pipeline.store.store import Store
from tests.pipeline.in_process import ran
from tests.pipeline.toy import CheckParams, toy_pipeline


@pytest.fixture(autouse=True)
def home(store: Store, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLIPLINE_HOME", str(store.home))
    return store.home


def printed(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["runs", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def rejected() -> Pipeline:
    return toy_pipeline(checked=CheckParams(most=1)).until("check")


def test_a_run_whose_verdict_did_not_pass_has_failed_and_names_the_gate(store: Store) -> None:
    ran(store, toy_pipeline())
    ran(store, rejected())
    header, failed, passed = printed().splitlines()
    assert header.split()[-1] == "why"
    assert "failed" in failed
    assert failed.rstrip().endswith("check did not pass: 2 words, at most 1")
    assert "passed" in passed
    assert passed.rstrip().endswith("3 done")
    (started,) = re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?= )", passed)
    assert started.replace(" ", "T") == recorded_runs(store)[1].started_at[: len(started)]


def test_json_names_the_gate_its_reasons_and_the_files_of_a_run(store: Store, home: Path) -> None:
    passed, failed = ran(store, toy_pipeline()), ran(store, rejected())
    log, page = home / "logs" / f"{failed.run_id}.log", home / "reports" / f"{passed.page}.html"
    for file in (log, page):
        file.parent.mkdir()
        file.touch()
    first, second = json.loads(printed("--json"))
    assert (first["run_id"], first["outcome"], first["closed"]) == (failed.run_id, "failed", ["check"])
    assert first["steps"][1]["message"] == "2 words, at most 1"
    assert (first["log"], first["report"]) == (str(log), None)
    assert (second["outcome"], second["closed"]) == ("passed", [])
    assert (second["log"], second["report"]) == (None, str(page))


def test_a_step_that_failed_is_named_with_why_in_one_line(store: Store) -> None:
    from slipline.pipeline.store.tables import RunStepRow

    run_id = store.begin_run("toy")
    store.record_step(
        RunStepRow(
            run_id=run_id,
            position=0,
            step="write",
            status="failed",
            seconds=1.25,
            message=f"write: full\n{'x ' * 1000}",
            closed=False,
        )
    )
    store.end_run(run_id, passed=False)
    row = " ".join(printed().split())
    assert re.search(r" write: full (x ){20,100}\[\.\.\.\]$", row)
    assert " 1.2 " in row


def test_no_more_are_listed_than_asked_and_json_of_none_is_an_empty_list(store: Store) -> None:
    assert json.loads(printed("--json")) == []
    assert "no runs yet" in printed()
    for most in (3, 4):
        ran(store, toy_pipeline(checked=CheckParams(most=most)))
    assert len(json.loads(printed("--json"))) == 2
    assert len(json.loads(printed("--json", "--limit", "1"))) == 1


OWN = """
from slipline.pipeline import Pipeline
from tests.pipeline.toy import CheckParams, WriteParams, check, write

pipeline = Pipeline("own")
pipeline.add(check, words=pipeline.add(write, params=WriteParams()), params=CheckParams(most=1))
"""


def test_the_report_it_names_is_the_one_that_the_run_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_flow.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    said = CliRunner().invoke(main, ["run", "own_flow:pipeline", "--json"])
    assert said.exit_code == 1, said.output
    (listed,) = json.loads(printed("--json"))
    assert listed["report"] == json.loads(said.output)["report"] is not None
