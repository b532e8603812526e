"""Running a pipeline from Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipline.pipeline import GraphError, RunReport, run
from tests.pipeline.toy import CheckParams, SumParams, toy_pipeline


def statuses(report: RunReport) -> list[str]:
    return [outcome.status.value for outcome in report.outcomes]


def test_run_keeps_results_in_the_home_it_is_given_and_finds_them_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run(toy_pipeline(), home=tmp_path / "home", until="check", quiet=True)
    assert (first.passed, statuses(first)) == (True, ["done", "done"])
    later = run(toy_pipeline(), home=tmp_path / "home", parallel=1, quiet=True)
    assert statuses(later) == ["cached", "cached", "done"]
    made = later.made("add_up")
    assert made is not None
    assert made.artifact.path.is_relative_to(tmp_path / "home")
    assert set(statuses(run(toy_pipeline(), home=tmp_path / "home", fresh=True, quiet=True))) == {"done"}
    assert capsys.readouterr().out == ""


def test_run_without_a_home_takes_that_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPLINE_HOME", str(tmp_path / "there"))
    run(toy_pipeline(), until="write", quiet=True)
    assert (tmp_path / "there" / "runs" / "write").is_dir()


def test_run_says_why_a_step_holds_it_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = run(toy_pipeline(checked=CheckParams(most=1)), home=tmp_path)
    assert not report.passed
    lines = capsys.readouterr().out.splitlines()
    assert "check: 2 words, at most 1" in lines
    assert any(line.startswith("add_up: ") for line in lines)
    run(toy_pipeline(), home=tmp_path)
    assert not [line for line in capsys.readouterr().out.splitlines() if ": " in line]


def test_failure_of_a_step_is_told_and_raises_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = run(toy_pipeline(added=SumParams(trouble="foreseen")), home=tmp_path)
    assert statuses(report) == ["done", "done", "failed"]
    assert "\nadd_up: words.txt: record 3: wanted a word, got nothing" in capsys.readouterr().out


def test_a_step_that_is_not_there_is_an_error_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="no step 'chek'"):
        run(toy_pipeline(), home=tmp_path / "home", until="chek")
    assert not (tmp_path / "home").exists()
