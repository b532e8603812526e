"""Which earlier statistics a run's data can be held against."""

from __future__ import annotations

import json

from sqlalchemy import select

from slipline.components.steps.find_baseline import BaselineParams, Earlier
from slipline.pipeline.app.settings.home import Home
from slipline.pipeline.store.store import Store
from slipline.pipeline.store.tables import ExecutionInputRow, ExecutionRow, RunRow, RunStepRow

KEPT = 20
"""Earlier data sets looked through for one that differs; a rerun needs two."""


def earlier_statistics(home: Home, pipeline: str) -> BaselineParams:
    """The statistics of every data set that passed validation in a run of `pipeline`, the latest first."""
    query = (
        select(ExecutionRow, ExecutionInputRow)
        .select_from(RunRow)
        .join(RunStepRow, RunStepRow.run_id == RunRow.id)
        .join(ExecutionRow, ExecutionRow.id == RunStepRow.execution_id)
        .join(ExecutionInputRow, ExecutionInputRow.execution_id == ExecutionRow.id)
        .where(RunRow.pipeline == pipeline, RunStepRow.step == "validate", ExecutionInputRow.name == "statistics")
        .order_by(RunRow.started_at.desc())
    )
    earlier: dict[str, Earlier] = {}
    with Store.open(home.path) as store, store.session() as session:
        for validated, statistics in session.execute(query):
            made_by = session.get(ExecutionRow, statistics.source_id)
            if made_by is not None and json.loads(validated.facts)["passed"] and len(earlier) < KEPT:
                origin = f"the run of {made_by.ended_at[:10]} (execution {made_by.id})"
                earlier.setdefault(statistics.digest, Earlier(folder=store.home / made_by.folder, origin=origin))
    return BaselineParams(earlier=tuple(earlier.values()))
