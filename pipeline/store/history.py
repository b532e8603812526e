"""What ran, as the store remembers it, and what nothing remembers any more."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import select

from pipeline.store.store import Store
from pipeline.store.tables import ExecutionRow, RunRow, RunStepRow


@dataclass(frozen=True, kw_only=True)
class RecordedStep:
    """How one step of an earlier run went; `execution_id` is None if it made nothing."""

    step: str
    status: str
    seconds: float
    message: str
    execution_id: str | None


@dataclass(frozen=True, kw_only=True)
class RecordedRun:
    """An earlier run.

    Attributes:
      run_id: Its id.
      pipeline: The pipeline's name.
      started_at: When, in UTC.
      outcome: `passed`, `failed`, `running`, or `interrupted` if it was killed.
      steps: In run order, as far as they came.
    """

    run_id: str
    pipeline: str
    started_at: str
    outcome: str
    steps: tuple[RecordedStep, ...]

    @property
    def seconds(self) -> float:
        """Time spent in its steps."""
        return sum(step.seconds for step in self.steps)

    def counts(self) -> dict[str, int]:
        """How many steps ended in each status."""
        return dict(Counter(step.status for step in self.steps))

    def to_plain(self) -> dict[str, object]:
        """The run as JSON takes it."""
        return asdict(self)


def recorded_runs(store: Store, limit: int) -> tuple[RecordedRun, ...]:
    """The latest `limit` runs, the latest first."""
    with store.session() as session:
        rows = session.scalars(select(RunRow).order_by(RunRow.started_at.desc()).limit(limit)).all()
        return tuple(
            RecordedRun(
                run_id=row.id,
                pipeline=row.pipeline,
                started_at=row.started_at,
                outcome=_outcome(row),
                steps=tuple(
                    _step(step)
                    for step in session.scalars(
                        select(RunStepRow).filter_by(run_id=row.id).order_by(RunStepRow.position)
                    )
                ),
            )
            for row in rows
        )


def _step(row: RunStepRow) -> RecordedStep:
    return RecordedStep(
        step=row.step, status=row.status, seconds=row.seconds, message=row.message, execution_id=row.execution_id
    )


def _outcome(row: RunRow) -> str:
    if row.ended_at is None:
        return "running" if _is_alive(row.pid) else "interrupted"
    return "passed" if row.passed else "failed"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def remove_leftovers(store: Store) -> tuple[Path, ...]:
    """Removes the folders of executions that were never committed, unless a run is under way.

    Work kept for a training to be resumed stays: its next execution takes it up and removes it.

    Returns:
      What was removed; empty if a run is under way.
    """
    with store.session() as session:
        unfinished = session.scalars(select(RunRow).filter_by(ended_at=None)).all()
        if any(_is_alive(run.pid) for run in unfinished):
            return ()
        known = {store.home / folder for folder in session.scalars(select(ExecutionRow.folder))}
    leftovers = tuple(folder for folder in sorted(store.home.glob("runs/*/*")) if folder not in known)
    for folder in leftovers:
        shutil.rmtree(folder)
    return leftovers
