"""Old runs go with all that was theirs alone; what stays can do without what went."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipline.pipeline.core.errors import StoreError
from slipline.pipeline.store.history import RecordedRun, recorded_runs
from slipline.pipeline.store.lineage import trace
from slipline.pipeline.store.removal import old_runs, remove_leftovers, remove_old_runs
from slipline.pipeline.store.store import Store
from slipline.pipeline.store.tables import Base, ExecutionInputRow, ExecutionRow, FileRow, RunRow, RunStepRow
from tests.pipeline.in_process import ran
from tests.pipeline.toy import CheckParams, SumParams, WriteParams, toy_pipeline

BEGINNING = datetime(2026, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Past:
    """What happened, an hour apart: executions with the earlier ones each came from, and runs.

    Attributes:
      sources: Of each execution, which earlier ones it took.
      runs: Of each run its pipeline, and the executions of its steps.
      needed: Executions that are needed whatever their age.
    """

    sources: tuple[frozenset[int], ...]
    runs: tuple[tuple[str, frozenset[int]], ...]
    needed: frozenset[int]


@st.composite
def pasts(draw: st.DrawFn) -> Past:
    count = draw(st.integers(0, 8))
    some = st.frozensets(st.integers(0, count - 1), max_size=3) if count else st.just(frozenset[int]())
    sources = [frozenset(filter(lambda source: source < number, draw(some))) for number in range(count)]
    runs = draw(st.lists(st.tuples(st.sampled_from("ab"), some), max_size=8))
    return Past(tuple(sources), tuple(runs), draw(some))


def at(hour: float) -> str:
    return (BEGINNING + timedelta(hours=hour)).isoformat(timespec="milliseconds")


def lived(past: Past, store: Store) -> None:
    """Has all that happen, and nothing else: execution `e0` ended in hour 0, run `r0` began in hour 0, and so on."""
    shutil.rmtree(store.home / "runs", ignore_errors=True)
    with store.session() as session:
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(table.delete())
        for number, sources in enumerate(past.sources):
            (store.home / f"runs/step/e{number}").mkdir(parents=True)
            session.add(execution_row(f"e{number}", at(number)))
            session.flush()
            session.add_all(input_row(f"e{number}", f"e{source}") for source in sources)
        for number, (pipeline, made) in enumerate(past.runs):
            session.add(RunRow(id=f"r{number}", pipeline=pipeline, started_at=at(number), passed=True))
            session.flush()
            session.add_all(step_row(f"r{number}", each) for each in made)


def execution_row(execution: str, ended_at: str) -> ExecutionRow:
    plain = dict.fromkeys(("step", "component", "cache_key", "code", "frameworks", "files", "artifact_type"), "")
    return ExecutionRow(
        id=execution,
        ended_at=ended_at,
        seconds=0.0,
        facts="{}",
        settings="{}",
        folder=f"runs/step/{execution}",
        digest="",
        **plain,
    )


def input_row(execution: str, source: str) -> ExecutionInputRow:
    return ExecutionInputRow(
        execution_id=execution, name=source, gate=False, source_id=source, artifact_type="", place="", digest=""
    )


def step_row(run: str, number: int) -> RunStepRow:
    return RunStepRow(
        run_id=run, position=number, step=f"s{number}", status="done", seconds=0, message="", execution_id=f"e{number}"
    )


def cleaned(store: Store, keep: int, needed: frozenset[int]) -> None:
    remove_old_runs(store, old_runs(store, keep, {f"e{number}" for number in needed}))
    remove_leftovers(store)


def made_in(run: RecordedRun) -> set[str]:
    return {step.execution_id for step in run.steps if step.execution_id}


def executions_in(store: Store) -> set[str]:
    with store.session() as session:
        return {row.id for row in session.query(ExecutionRow)}


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(past=pasts(), keep=st.integers(1, 3))
def test_the_latest_runs_and_what_made_the_needed_stay_with_all_they_came_from_and_the_rest_goes(
    store: Store, past: Past, keep: int
) -> None:
    lived(past, store)
    needed, before = {f"e{number}" for number in past.needed}, recorded_runs(store)
    latest = [run for name in "ab" for run in [run for run in before if run.pipeline == name][:keep]]
    since = min((run.started_at for run in latest), default="")
    in_runs = {f"e{number}" for _, made in past.runs for number in made}
    after_all = {f"e{number}" for number in range(len(past.sources)) if at(number) >= since} - in_runs

    cleaned(store, keep, past.needed)
    kept = recorded_runs(store)
    assert kept == tuple(run for run in before if run in latest or not needed.isdisjoint(made_in(run)))
    roots = needed | after_all | {execution for run in kept for execution in made_in(run)}
    wanted = {made.id for root in roots for made in trace(store, root).executions}
    assert executions_in(store) == wanted
    assert {folder.name for folder in store.home.glob("runs/*/*")} == wanted
    again = old_runs(store, keep, needed)
    assert (again.runs, again.executions, again.files) == ((), {}, ())


def test_an_earlier_result_that_a_kept_run_found_stays_and_is_found_again(store: Store) -> None:
    first = ran(store, toy_pipeline(added=SumParams(factor=2)))
    ran(store, toy_pipeline(added=SumParams(factor=3)))
    cleaned(store, 1, frozenset())
    assert first.run_id not in [run.run_id for run in recorded_runs(store)]
    again = ran(store, toy_pipeline(added=SumParams(factor=3)))
    assert again.counts() == {"cached": 3}
    assert ran(store, toy_pipeline(added=SumParams(factor=2))).counts() == {"cached": 2, "done": 1}


def test_a_gate_that_let_a_kept_step_run_stays(store: Store) -> None:
    run = ran(store, toy_pipeline())
    total = run.steps[-1].execution_id or ""
    for words in (("a",), ("b",)):
        ran(store, toy_pipeline(written=WriteParams(words=words)).until("write"))
    old = old_runs(store, 1, [total])
    assert old.executions.keys().isdisjoint({step.execution_id for step in run.steps})
    assert [kept.run_id for kept in old.kept][-1] == run.run_id


def test_a_run_that_only_found_what_is_needed_goes(store: Store) -> None:
    made, _, latest = (ran(store, toy_pipeline(checked=CheckParams(most=most))) for most in (3, 3, 4))
    check = made.steps[1].execution_id or ""
    assert old_runs(store, 1, [check]).kept == (latest, made)


def test_logs_and_outcomes_of_old_runs_go_and_those_of_others_stay(store: Store) -> None:
    runs = [ran(store, toy_pipeline(checked=CheckParams(most=most))) for most in (3, 4)]
    for run in runs:
        (store.home / "logs").mkdir(exist_ok=True)
        (store.home / f"logs/{run.run_id}.log").touch()
        (store.home / f"outcomes/{run.run_id}").mkdir(parents=True)
        (store.home / f"outcomes/{run.run_id}/outcome.json").touch()
    also = store.home / "page.html"
    also.touch()
    remove_old_runs(store, old_runs(store, 1), [also, store.home / "gone already"])
    assert [file.name for file in (store.home / "logs").iterdir()] == [f"{runs[1].run_id}.log"]
    assert [folder.name for folder in (store.home / "outcomes").iterdir()] == [runs[1].run_id]
    assert not also.exists()


def test_work_left_half_done_goes_once_all_runs_kept_began_after_it(store: Store) -> None:
    touched_s = {"before": -3600, "after": 3600}
    now_s = datetime.now(timezone.utc).timestamp()
    for name, offset_s in touched_s.items():
        file = store.home / "scratch" / name / "deep" / "checkpoint"
        file.parent.mkdir(parents=True)
        file.touch()
        os.utime(file, (now_s + offset_s,) * 2)
        for folder in (file.parent, file.parent.parent):
            os.utime(folder, (now_s - 3600,) * 2)
    assert old_runs(store, 1).files == ()  # no run yet
    ran(store, toy_pipeline())
    assert [folder.name for folder in old_runs(store, 1).files] == ["before"]


def test_digests_of_files_that_went_are_forgotten_and_others_remembered(store: Store) -> None:
    old, new = (ran(store, toy_pipeline(added=SumParams(factor=factor))).steps[-1].execution_id for factor in (2, 3))
    folders = [store.home / "runs" / "add_up" / str(execution) for execution in (old, new)]
    with store.session() as session:
        session.add_all(FileRow(path=str(folder / "deep" / "total.txt"), seen="", sha256="") for folder in folders)
        session.add(FileRow(path="/elsewhere/data", seen="", sha256=""))
    cleaned(store, 1, frozenset())
    with store.session() as session:
        left = {row.path for row in session.query(FileRow)}
    assert left == {"/elsewhere/data", str(folders[1] / "deep" / "total.txt")}


def test_nothing_is_removed_if_another_run_came_meanwhile(store: Store) -> None:
    for factor in (2, 3):
        ran(store, toy_pipeline(added=SumParams(factor=factor)))
    old = old_runs(store, 1)
    ran(store, toy_pipeline(added=SumParams(factor=4)))
    with pytest.raises(StoreError, match="nothing was removed"):
        remove_old_runs(store, old)
    assert len(recorded_runs(store)) == 3


def test_nothing_is_looked_for_nor_removed_while_a_run_is_under_way(store: Store) -> None:
    old = old_runs(store, 1)
    run_id = store.begin_run("toy")
    with store.running(run_id):
        for remove in (
            lambda: old_runs(store, 1),
            lambda: remove_old_runs(store, old),
            lambda: remove_leftovers(store),
        ):
            with pytest.raises(StoreError, match="a run is under way"):
                remove()


def test_files_and_links_among_executions_are_leftovers_too(store: Store, tmp_path: Path) -> None:
    _, folder = store.new_folder("write")
    (folder.parent / "file").touch()
    (folder.parent / "link").symlink_to(tmp_path)
    assert {left.name for left in remove_leftovers(store)} == {folder.name, "file", "link"}
    assert list(folder.parent.iterdir()) == []
    assert tmp_path.is_dir()


def test_locks_that_nobody_holds_go_with_what_a_crash_left(store: Store) -> None:
    ran(store, toy_pipeline())
    (store.home / "locks" / "run-killed").touch()
    assert remove_leftovers(store) == ()
    assert {file.name for file in (store.home / "locks").iterdir()} == {"runs", "database"}
    assert ran(store, toy_pipeline()).counts() == {"cached": 3}
