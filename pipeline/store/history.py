"""What ran, as the store remembers it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select

from slipline.pipeline.store.store import Store
from slipline.pipeline.store.tables import RunRow, RunStepRow


@dataclass(frozen=True, kw_only=True)
class RecordedRun:
    """An earlier run.

    Attributes:
      run_id: Its id.
      pipeline: The pipeline's name.
      started_at: When, in UTC.
      ended_at: When, in UTC; None while it lasts, and if it was killed.
      outcome: `passed`, `failed`, `running`, or `interrupted` if it was killed.
      steps: In run order, as far as they came.
    """

    run_id: str
    pipeline: str
    started_at: str
    ended_at: str | None
    outcome: str
    steps: tuple[RunStepRow, ...] = field(compare=False)

    @property
    def seconds(self) -> float:
        """Time spent in its steps."""
        return sum(step.seconds for step in self.steps)

    @property
    def closed(self) -> tuple[str, ...]:
        """The steps whose verdict did not pass."""
        return tuple(step.step for step in self.steps if step.closed)

    @property
    def page(self) -> str:
        """The name of its report; see `page_name`."""
        return page_name(self.pipeline, ((step.execution_id, step.message) for step in self.steps))

    def counts(self) -> dict[str, int]:
        """How many steps ended in each status."""
        return dict(Counter(step.status for step in self.steps))

    def to_plain(self) -> dict[str, object]:
        """The run as JSON takes it."""
        steps = [step.to_plain() for step in self.steps]
        return {**vars(self), "steps": steps, "seconds": self.seconds, "closed": self.closed}


def page_name(pipeline: str, steps: Iterable[tuple[str | None, str]]) -> str:
    """What the report of a run is called: one name for runs of a pipeline that made the same and went the same way.

    Args:
      pipeline: The pipeline's name.
      steps: Of each step the execution, if it made or found one, and the message on record.
    """
    told = [pipeline, *((execution_id or "", message) for execution_id, message in steps)]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]


def recorded_runs(store: Store, limit: int | None = None) -> tuple[RecordedRun, ...]:
    """The latest `limit` runs, or all, the latest first."""
    runs = select(RunRow).order_by(RunRow.started_at.desc(), RunRow.id).limit(limit)
    steps = select(RunStepRow).where(RunStepRow.run_id.in_(select(runs.subquery().c.id))).order_by(RunStepRow.position)
    of_run = defaultdict[str, list[RunStepRow]](list)
    with store.session() as session:
        for row in session.scalars(steps):
            of_run[row.run_id].append(row)
        return tuple(_run(row, of_run[row.id], store) for row in session.scalars(runs))


def _run(row: RunRow, steps: Sequence[RunStepRow], store: Store) -> RecordedRun:
    return RecordedRun(
        run_id=row.id,
        pipeline=row.pipeline,
        started_at=row.started_at,
        ended_at=row.ended_at,
        outcome=_outcome(row, store),
        steps=tuple(steps),
    )


def _outcome(row: RunRow, store: Store) -> str:
    if row.ended_at is None:
        return "running" if store.is_running(row.id) else "interrupted"
    return "passed" if row.passed else "failed"
