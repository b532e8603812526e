"""What ran, as the store remembers it, and what nothing remembers any more."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import select

from slipline.pipeline.core.errors import StoreError
from slipline.pipeline.store.locks import locked_if_free
from slipline.pipeline.store.store import Store
from slipline.pipeline.store.tables import ExecutionRow, RunRow, RunStepRow


@dataclass(frozen=True, kw_only=True)
class RecordedStep:
    """How one step of an earlier run went.

    Attributes:
      step: Its name.
      status: The value of its `Status`.
      seconds: Wall time.
      message: Why it did not run, or failed, or did not pass; a line for each reason.
      closed: Whether its verdict did not pass.
      execution_id: What it made; None if it made nothing.
    """

    step: str
    status: str
    seconds: float
    message: str
    closed: bool
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
                outcome=_outcome(row, store),
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
        step=row.step,
        status=row.status,
        seconds=row.seconds,
        message=row.message,
        closed=row.closed,
        execution_id=row.execution_id,
    )


def _outcome(row: RunRow, store: Store) -> str:
    if row.ended_at is None:
        return "running" if store.is_running(row.id) else "interrupted"
    return "passed" if row.passed else "failed"


def remove_leftovers(store: Store) -> tuple[Path, ...]:
    """Removes the folders of executions that were never committed.

    Work kept for a training to be resumed stays.

    Returns:
      What was removed.

    Raises:
      StoreError: A run is under way, and its folders are not leftovers.
    """
    with locked_if_free(store.home / "locks" / "runs") as alone:
        if not alone:
            raise StoreError("a run is under way, and its folders are no leftovers; clean when it has ended")
        with store.session() as session:
            known = set(session.scalars(select(ExecutionRow.id)))
        leftovers = tuple(folder for folder in sorted(store.home.glob("runs/*/*")) if folder.name not in known)
        for folder in leftovers:
            shutil.rmtree(folder)
    return leftovers
