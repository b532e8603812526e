"""What a run came to is told on the terminal, by what was made and not by what steps are called."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from slipline.components.files.tfrecord_files import write_records
from slipline.components.validation.validate_settings import ValidateParams
from slipline.pipeline.app.result_words import result_words, standing_words
from slipline.pipeline.app.settings.home import Home
from slipline.pipeline.runners.execute import Status
from slipline.serving.releases.ledger import Ledger
from tests.pipeline.report.own_artifacts import Balance
from tests.pipeline.report.report_bench import (
    Bench,
    evaluated,
    exported,
    ingested,
    passed_run,
    prepared,
    record,
    source_of,
)
from tests.small_mnist import ROOT, first_records, write_folder

SLIPLINE = (sys.executable, "-c", "from slipline.pipeline.app.cli.main import main; main(prog_name='slipline')")


def home_of(bench: Bench) -> Home:
    return Home(bench.store.home)


def test_figures_and_release_are_told_whatever_the_steps_are_called(bench: Bench) -> None:
    bench.rename = lambda step: f"my_{step}"
    passed_run(bench)
    *_, figures, release = result_words(bench.report, home_of(bench))
    assert figures.startswith("test accuracy 0.9800, log loss 0.")
    assert release == "released mnist version 1"


def test_a_release_that_is_no_longer_live_says_so(bench: Bench) -> None:
    passed_run(bench)
    other = exported(bench, bench.last("train"))
    (other.artifact.path / "saved_model.pb").write_bytes(b"another graph")
    with Ledger(None, home_of(bench).releases) as ledger:
        ledger.publish("mnist", other.artifact.path, by="me", origin="other")
        ledger.promote("mnist", 2, by="me", reason="better")
    told = standing_words(bench.report, home_of(bench))
    assert told.startswith("mnist version 1 (superseded; version 2 is live")


def test_a_release_of_another_ledger_is_no_failure(bench: Bench, tmp_path: Path) -> None:
    passed_run(bench)
    assert standing_words(bench.report, Home(tmp_path / "elsewhere")).startswith("mnist version 1 (")


def test_a_run_without_release_has_no_standing(bench: Bench) -> None:
    ingested(bench)
    assert standing_words(bench.report, home_of(bench)) == ""


def test_why_a_run_did_not_pass_is_said_for_each_step(bench: Bench) -> None:
    examples = ingested(bench)
    evaluated(bench, exported(bench, examples), examples, wrong=5)
    reasons = ("too much of one", "too little of another")
    bench.done("balance", Balance(path=bench.folder("balance"), passed=False, reasons=reasons, largest_share=1.0))
    bench.not_done("push", Status.BLOCKED, "evaluate: whatever")
    bench.not_done("tell", Status.FAILED, "tell: no such address")
    told = "\n".join(result_words(bench.report, home_of(bench)))
    assert "evaluate did not pass:\n  accuracy 0.9000 is below evaluate.min_accuracy 0.97" in told
    assert "balance did not pass:\n  too much of one\n  too little of another" in told
    assert "push did not run, its gate is closed" in told
    assert "tell: no such address" in told


def test_a_run_that_found_everything_says_that_first(bench: Bench) -> None:
    ingested(bench)
    assert result_words(bench.report, home_of(bench))[0] == "Nothing to do: all 1 steps are cached."
    bench.not_done("tell", Status.NOT_NEEDED, "not needed, as check passed")
    told = result_words(bench.report, home_of(bench))[0]
    assert told == "Nothing to do: all 2 steps are cached or not needed."


def test_what_was_set_aside_is_said_with_the_file_that_lists_it_from_here(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = [record(number) for number in range(20)]
    policy = ValidateParams(policy="set_aside", max_set_aside=0.5)
    prepared(bench, source_of(tmp_path / "source", train=[*good, b"\xffnot"]), policy=policy)
    monkeypatch.chdir(tmp_path)
    (words,) = [line for line in result_words(bench.report, home_of(bench)) if "set aside" in line]
    listing = Path(words.removeprefix("set aside 1 of 21 records, see "))
    assert listing.parts[:2] == ("home", "runs")
    assert "train.tfrecord record 20" in listing.read_text()


def test_notes_that_fail_are_told_with_what_went_wrong(bench: Bench) -> None:
    class Unwell(Balance):
        """Cannot say what there is to say."""

        def notes(self) -> tuple[str, ...]:
            raise LookupError("no notes")

    bench.done("balance", Unwell(path=bench.folder("balance"), passed=True, largest_share=1.0))
    assert result_words(bench.report, home_of(bench)) == ["Unwell.notes() failed: LookupError: no notes"]


@pytest.mark.slow
def test_copies_leaks_and_files_passed_over_are_said_and_a_run_can_end_with_validation(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "digits", train=30, test=10)
    (folder / "train" / "notes.txt").write_text("not read")
    records = first_records("test", 10)
    write_records(folder / "test" / "more.tfrecord", [records[0], records[1], first_records("train", 1)[0]])
    command = [*SLIPLINE, "run", "test", f"--set=ingest.folder={folder}", "--until=validate"]
    environment = {"SLIPLINE_HOME": str(tmp_path / "home"), "PATH": "/usr/bin"}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert f"passed over 1 file of no known kind, such as {folder}/train/notes.txt" in run.stdout
    assert "test: 2 records are copies of earlier ones, see the report" in run.stdout
    assert "test: 1 record is also in train, see the report" in run.stdout
    assert "export" not in run.stdout


def test_an_unknown_step_to_end_with_is_refused_with_those_there_are(tmp_path: Path) -> None:
    command = [*SLIPLINE, "run", "test", "--until=validation"]
    environment = {"SLIPLINE_HOME": str(tmp_path / "home"), "PATH": "/usr/bin"}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "has no step 'validation'; it has ingest, compute_statistics" in run.stderr
