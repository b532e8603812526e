"""Runs a pipeline without worker processes, for tests of what stays of runs."""

from __future__ import annotations

from slipline.pipeline.core.graph import Pipeline, Step
from slipline.pipeline.runners.execute import Outcome, execute
from slipline.pipeline.runners.run_report import has_passed, words_of
from slipline.pipeline.store.history import RecordedRun, recorded_runs
from slipline.pipeline.store.store import Store
from slipline.pipeline.store.tables import RunStepRow


def ran(store: Store, flow: Pipeline) -> RecordedRun:
    """A run of `flow`, as it is on record."""
    run_id = store.begin_run(flow.name)
    ended: dict[Step, Outcome] = {}
    for position, step in enumerate(flow.steps):
        outcome = ended[step] = execute(step, ended, store)
        row = RunStepRow(
            run_id=run_id,
            position=position,
            step=step.name,
            status=outcome.status.value,
            seconds=outcome.seconds,
            message=words_of(outcome),
            closed=outcome.closed is not None,
            execution_id=outcome.made.execution_id if outcome.made else None,
        )
        store.record_step(row)
    store.end_run(run_id, passed=has_passed(ended.values()))
    return next(run for run in recorded_runs(store) if run.run_id == run_id)
