"""Runs a pipeline on this machine, one step after the other."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Protocol

from slipline.pipeline.core.errors import StepError
from slipline.pipeline.core.graph import Pipeline, Step
from slipline.pipeline.runners.execute import Outcome, Status, execute
from slipline.pipeline.runners.workers import Workers
from slipline.pipeline.store.store import Committed, Store
from slipline.pipeline.store.tables import RunStepRow


class Display(Protocol):
    """Shows a person how a run goes; called from one thread, in the order of events."""

    def step_started(self, step: str) -> None:
        """A step's turn has come."""

    def step_said(self, step: str, line: str) -> None:
        """A step tells how far it is."""

    def step_ended(self, outcome: Outcome) -> None:
        """A step is through."""


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """How a run went.

    Attributes:
      run_id: Its id in the store.
      outcomes: Of each step, in run order; steps behind one that failed are SKIPPED.
      seconds: Wall time.
      log_path: What the steps and their frameworks wrote; absent if all was cached.
    """

    run_id: str
    outcomes: tuple[Outcome, ...]
    seconds: float
    log_path: Path

    @property
    def passed(self) -> bool:
        """Whether every step was done, now or earlier."""
        return all(outcome.status in (Status.DONE, Status.CACHED) for outcome in self.outcomes)

    @property
    def all_cached(self) -> bool:
        """Whether no component was called."""
        return all(outcome.status is Status.CACHED for outcome in self.outcomes)

    def made(self, step: str) -> Committed | None:
        """What the step of that name made, now or earlier; None if it did not run."""
        return next((outcome.made for outcome in self.outcomes if outcome.step == step), None)


@dataclass(frozen=True, kw_only=True)
class LocalRunner:
    """Runs every step once, upstream first, in worker processes on this machine.

    Attributes:
      store: Where results are kept and found.
      display: Shows the progress.
      fresh: Whether to call every component even if an earlier result could stand in.
      meanwhile: Called in a thread whenever a worker is put to work, for what the caller wants ready at the end.
    """

    store: Store
    display: Display
    fresh: bool = False
    meanwhile: Callable[[], None] = lambda: None

    def run(self, pipeline: Pipeline) -> RunReport:
        """Runs `pipeline` and reports each step's outcome; a failure ends what depends on it, not the report."""
        started = time.perf_counter()
        run_id = self.store.begin_run(pipeline.name)
        log_path = self.store.home / "logs" / f"{run_id}.log"
        log_path.parent.mkdir(exist_ok=True)
        with self.store.running(run_id), Workers(log_path) as workers:
            outcomes = self._run_steps(pipeline, run_id, workers)
        report = RunReport(
            run_id=run_id, outcomes=tuple(outcomes), seconds=time.perf_counter() - started, log_path=log_path
        )
        self.store.end_run(run_id, passed=report.passed)
        return report

    def _run_steps(self, pipeline: Pipeline, run_id: str, workers: Workers) -> list[Outcome]:
        made: dict[Step, Committed] = {}
        outcomes: list[Outcome] = []
        for position, step in enumerate(pipeline.steps):
            self.display.step_started(step.name)
            outcome = self._run_step(step, pipeline, made, workers)
            if outcome.made is not None:
                made[step] = outcome.made
            self.store.record_step(_row(run_id, position, outcome))
            self.display.step_ended(outcome)
            outcomes.append(outcome)
            _end_idle_workers(workers, pipeline.steps[position:])
        return outcomes

    def _run_step(self, step: Step, pipeline: Pipeline, made: dict[Step, Committed], workers: Workers) -> Outcome:
        if missing := [other.name for other in step.upstream if other not in made]:
            message = f"needs {', '.join(missing)}, which did not run"
            return Outcome(step=step.name, status=Status.SKIPPED, seconds=0.0, message=message)
        started = time.perf_counter()
        try:
            return execute(
                step,
                made,
                self.store,
                call=workers.call,
                say=lambda line: self.display.step_said(step.name, line),
                fresh=self.fresh,
                on_miss=lambda: self._prepare(workers, step, pipeline),
            )
        except StepError as error:
            with workers.log_path.open("a") as log:
                log.writelines(traceback.format_exception(error))
            seconds = time.perf_counter() - started
            return Outcome(step=step.name, status=Status.FAILED, seconds=seconds, message=str(error))

    def _prepare(self, workers: Workers, step: Step, pipeline: Pipeline) -> None:
        """Has everything imported, in a process each, that this step or one behind it will want."""
        for other in (step, *pipeline.downstream_of(step)):
            if other.component.loads:
                workers.start(other.component.loads)
        Thread(target=self.meanwhile, daemon=True).start()


def _end_idle_workers(workers: Workers, current_and_left: list[Step]) -> None:
    current, *left = current_and_left
    if current.component.loads and all(step.component.loads != current.component.loads for step in left):
        workers.end(current.component.loads)


def _row(run_id: str, position: int, outcome: Outcome) -> RunStepRow:
    return RunStepRow(
        run_id=run_id,
        position=position,
        step=outcome.step,
        status=outcome.status.value,
        seconds=outcome.seconds,
        message=outcome.message,
        execution_id=outcome.made.execution_id if outcome.made else None,
    )
