"""Calls components in the test's own process, for tests of what a run makes of what they do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slipline.pipeline.core.artifact import Artifact
from slipline.pipeline.core.component import Component, Say
from slipline.pipeline.core.graph import Pipeline
from slipline.pipeline.runners.call import call_here
from slipline.pipeline.runners.local import LocalRunner
from slipline.pipeline.runners.run_report import RunReport
from slipline.pipeline.runners.workers import Loads, Workers
from slipline.pipeline.store.store import Store
from tests.pipeline.recorder import Recorder


class Here(Workers):
    """Workers without processes."""

    def start(self, loads: Loads) -> None:
        pass

    def call(
        self, component: Component[Any, Any], arguments: Mapping[str, object], say: Say, timeout_s: float | None = None
    ) -> Artifact:
        return call_here(component, arguments, say)


def run_here(flow: Pipeline, store: Store, *, parallel: int = 1, recorder: Recorder | None = None) -> RunReport:
    """A run of `flow` in this process."""
    return LocalRunner(store=store, display=recorder or Recorder(), parallel=parallel, workers=Here).run(flow)
