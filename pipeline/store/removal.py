"""What may go: old runs, with everything that nothing else came from, and what a crash left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from slipline.pipeline.core.errors import StoreError
from slipline.pipeline.store.history import RecordedRun, recorded_runs
from slipline.pipeline.store.lineage import trace
from slipline.pipeline.store.locks import locked_if_free
from slipline.pipeline.store.store import Store, remove
from slipline.pipeline.store.tables import ExecutionInputRow, ExecutionRow, FileRow, RunRow, RunStepRow


@dataclass(frozen=True, kw_only=True)
class OldRuns:
    """What goes, and which runs do not.

    Attributes:
      runs: Runs that go, the latest first.
      kept: Runs that stay, the latest first.
      executions: The folders, by execution, of what nothing that stays came from.
      files: Logs and other files of the runs that go, and work that was left for a step before the latest runs.
    """

    runs: tuple[RecordedRun, ...]
    kept: tuple[RecordedRun, ...]
    executions: dict[str, Path]
    files: tuple[Path, ...]


def old_runs(store: Store, keep: int, needed: Iterable[str] = ()) -> OldRuns:
    """What goes if the latest `keep` runs of each pipeline stay, and the runs that made what is `needed`.

    Args:
      store: Where they are on record.
      keep: How many, at least 1.
      needed: Executions that stay, with what they came from.

    Raises:
      StoreError: A run is under way.
    """
    with _alone(store):
        return _old_runs(store, keep, set(needed))


def _old_runs(store: Store, keep: int, roots: set[str]) -> OldRuns:
    runs = recorded_runs(store)
    latest = set(_latest(runs, keep))
    since = min((run.started_at for run in runs if run.run_id in latest), default="")
    stays = {run.run_id: run.run_id in latest or not roots.isdisjoint(_used_in([run], "done")) for run in runs}
    kept = tuple(run for run in runs if stays[run.run_id])
    gone = tuple(run for run in runs if not stays[run.run_id])
    with store.session() as session:
        folders = {row.id: (row.ended_at, store.home / row.folder) for row in session.scalars(select(ExecutionRow))}
    in_runs = _used_in(runs)
    of_a_killed_run = {each for each, (ended_at, _) in folders.items() if ended_at >= since and each not in in_runs}
    wanted = {*roots, *_used_in(kept), *of_a_killed_run}.intersection(folders)
    stay = {made.id for made in trace(store, *wanted).executions}
    executions = {each: folder for each, (_, folder) in folders.items() if each not in stay}
    files = [store.home / place for run in gone for place in (f"logs/{run.run_id}.log", f"outcomes/{run.run_id}")]
    files += [folder for folder in store.home.glob("scratch/*") if _last_touched(folder) < since]
    return OldRuns(runs=gone, kept=kept, executions=executions, files=tuple(file for file in files if file.exists()))


def _latest(runs: Iterable[RecordedRun], keep: int) -> Iterator[str]:
    met = Counter[str]()
    for run in runs:
        met[run.pipeline] += 1
        if met[run.pipeline] <= keep:
            yield run.run_id


def _used_in(runs: Iterable[RecordedRun], *statuses: str) -> set[str]:
    """What the steps of runs made or found; of those that ended in one of `statuses`, if any is given."""
    steps = [step for run in runs for step in run.steps if not statuses or step.status in statuses]
    return {step.execution_id for step in steps if step.execution_id}


def _last_touched(folder: Path) -> str:
    """When something in it changed last, as the store writes times."""
    last_s = max(path.lstat().st_mtime for path in (folder, *folder.rglob("*")))
    return datetime.fromtimestamp(last_s, timezone.utc).isoformat(timespec="milliseconds")


def remove_old_runs(store: Store, old: OldRuns, also: Iterable[Path] = ()) -> None:
    """Removes files and rows of `old`; folders of executions are leftovers then, see `remove_leftovers`.

    Args:
      store: Where they are on record.
      old: What `old_runs` said.
      also: More files of those runs.

    Raises:
      StoreError: A run is under way, or another ended since `old` was found.
    """
    with _alone(store):
        if {run.run_id for run in recorded_runs(store)} != {run.run_id for run in (*old.runs, *old.kept)}:
            raise StoreError("other runs came or went meanwhile, and nothing was removed; run the command again")
        for file in (*old.files, *also):  # while rows still name them: killed in between, the next call goes on
            remove(file)
        runs = [run.run_id for run in old.runs]
        with store.session() as session:
            _delete(session, RunStepRow.run_id, runs)
            _delete(session, RunRow.id, runs)
            _delete(session, ExecutionInputRow.execution_id, old.executions)
            _delete(session, ExecutionRow.id, old.executions)
            folders = set(old.executions.values())
            paths = session.scalars(select(FileRow.path)).all()
            _delete(session, FileRow.path, [path for path in paths if not folders.isdisjoint(Path(path).parents)])


def _delete(session: Session, column: InstrumentedAttribute[str], values: Iterable[str]) -> None:
    """Deletes the rows with one of these values, however many."""
    if each := [{"value": value} for value in values]:
        session.connection().execute(delete(column.class_).where(column == bindparam("value")), each)


def remove_leftovers(store: Store) -> tuple[Path, ...]:
    """Removes the folders of executions that were never committed, or whose runs were removed.

    Work kept for a training to be resumed stays.

    Returns:
      What was removed.

    Raises:
      StoreError: A run is under way, and its folders are not leftovers.
    """
    with _alone(store):
        with store.session() as session:
            known = set(session.scalars(select(ExecutionRow.id)))
        leftovers = tuple(folder for folder in sorted(store.home.glob("runs/*/*")) if folder.name not in known)
        for folder in leftovers:
            remove(folder)
        for lock in (store.home / "locks").iterdir():
            if lock.name not in ("runs", "database"):
                lock.unlink()  # nobody waits for it: all who do are in a run
    return leftovers


@contextmanager
def _alone(store: Store) -> Iterator[None]:
    with locked_if_free(store.home / "locks" / "runs") as alone:
        if not alone:
            raise StoreError("a run is under way, and what it works on must not go; clean when it has ended")
        yield
