"""`slipline clean --keep N` says what would go, asks, and removes old runs but never what a release came from."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from slipline.pipeline.app.cli.main import main
from slipline.pipeline.core.graph import Pipeline
from slipline.pipeline.store.history import RecordedRun, recorded_runs
from slipline.pipeline.store.lineage import trace
from slipline.pipeline.store.store import Store
from slipline.serving.releases.ledger import Ledger
from tests.pipeline.in_process import ran
from tests.pipeline.toy import SumParams, toy_pipeline


@pytest.fixture(autouse=True)
def home(store: Store, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLIPLINE_HOME", str(store.home))
    monkeypatch.delenv("SLIPLINE_LEDGER", raising=False)
    return store.home


def clean(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["clean", *arguments])


def times(factor: int) -> Pipeline:
    return toy_pipeline(added=SumParams(factor=factor))


def total_of(run: RecordedRun) -> str:
    return run.steps[-1].execution_id or ""


def runs_left(store: Store) -> list[str]:
    return [run.run_id for run in recorded_runs(store)]


def test_old_runs_go_with_what_was_theirs_alone(store: Store, home: Path) -> None:
    old, new = ran(store, times(2)), ran(store, times(3))
    result = clean("--keep", "1", "--yes")
    assert result.exit_code == 0, result.output
    assert old.run_id in result.output
    assert f"removed {home / 'runs' / 'add_up' / total_of(old)}" in result.output
    assert runs_left(store) == [new.run_id]
    assert {folder.name for folder in home.glob("runs/*/*")} == {step.execution_id for step in new.steps}


def test_what_a_release_came_from_stays_and_its_lineage_is_told(store: Store, home: Path) -> None:
    released, old, new = (ran(store, times(factor)) for factor in (2, 3, 4))
    with Ledger(None, home / "releases") as ledger:
        source = home / "runs" / "add_up" / total_of(released)
        ledger.publish("sums", source, by="me", origin=total_of(released))
    assert clean("--keep", "1", "--yes").exit_code == 0
    assert runs_left(store) == [new.run_id, released.run_id]
    assert [made.step for made in trace(store, total_of(released)).executions] == ["write", "check", "add_up"]
    told = CliRunner().invoke(main, ["lineage", "sums@1"])
    assert told.exit_code == 0, told.output
    assert total_of(released) in told.output
    assert total_of(old) not in {folder.name for folder in home.glob("runs/*/*")}


def test_reports_and_cards_go_with_their_runs_unless_a_run_that_stays_shares_them(store: Store, home: Path) -> None:
    shared, old, latest = ran(store, times(2)), ran(store, times(3)), ran(store, times(2))
    assert shared.page == latest.page
    pages = {
        "reports": {f"{old.page}.html": False, f"{shared.page}.html": True, "search.html": True},
        "cards": {f"toy-{old.page}.html": False, f"toy-{old.page}.md": False, "toy-1.html": True},
    }
    for folder, names in pages.items():
        (home / folder).mkdir()
        for name in names:
            (home / folder / name).touch()
    assert clean("--keep", "1", "--yes").exit_code == 0
    assert runs_left(store) == [latest.run_id]
    for folder, names in pages.items():
        assert {name: (home / folder / name).exists() for name in names} == names


def test_without_a_terminal_nothing_goes_unless_told_not_to_ask(store: Store) -> None:
    before = [ran(store, times(factor)).run_id for factor in (2, 3)]
    result = clean("--keep", "1")
    assert result.exit_code == 1
    assert before[0] in result.output
    assert "--yes" in result.output
    assert sorted(runs_left(store)) == sorted(before)


@pytest.mark.parametrize(("answer", "left"), [("y", 1), ("n", 2)])
def test_on_a_terminal_the_person_is_asked(store: Store, answer: str, left: int) -> None:
    runs = [ran(store, times(factor)) for factor in (2, 3)]
    terminal, ours = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", "from slipline.pipeline.app.cli.main import main; main()", "clean", "--keep", "1"],
        stdin=ours,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    os.write(terminal, f"{answer}\n".encode())
    told, _ = process.communicate(timeout=60)
    for end in (terminal, ours):
        os.close(end)
    assert told.index(runs[0].run_id) < told.index("Remove them?")
    assert process.returncode == (0 if answer == "y" else 1)
    assert len(runs_left(store)) == left


def test_it_says_how_much_goes_and_counts_a_file_of_two_names_once(store: Store, home: Path) -> None:
    old = ran(store, times(2))
    ran(store, times(3))
    folder = home / "runs" / "add_up" / total_of(old)
    (folder / "weights").write_bytes(b"x" * 3_000_000)
    (folder / "again").hardlink_to(folder / "weights")
    said = clean("--keep", "1").output
    assert "runs that go: 1 (1 stay); with them results: 1, " in said
    assert "together 3.0 MB" in said


@pytest.mark.parametrize("arguments", [[], ["--keep", "1", "--yes"]])
def test_nothing_to_remove_is_said_and_a_home_without_releases_gets_none(
    store: Store, home: Path, arguments: list[str]
) -> None:
    ran(store, times(2))
    assert clean(*arguments).output == "nothing to remove\n"
    assert not (home / "releases").exists()


def test_what_a_crash_left_goes_too_without_a_question(store: Store, home: Path) -> None:
    run = ran(store, times(2))
    left = home / "runs" / "train" / "half"
    left.mkdir(parents=True)
    assert clean().output == f"removed {left}\n"
    assert not left.exists()
    assert runs_left(store) == [run.run_id]


def test_keeping_none_is_refused() -> None:
    assert clean("--keep", "0").exit_code == 2
