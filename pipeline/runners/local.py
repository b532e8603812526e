"""Runs a pipeline on this machine; steps that do not wait for each other run side by side."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Any, Protocol

from slipline.pipeline.core.artifact import Artifact, RunOutcome
from slipline.pipeline.core.component import Component, ComponentError, Say
from slipline.pipeline.core.errors import GraphError, StepCrashed, StepError, StepTimedOut
from slipline.pipeline.core.graph import Pipeline, Step
from slipline.pipeline.core.source_code import Sources
from slipline.pipeline.runners.call import call_here
from slipline.pipeline.runners.execute import Outcome, Status, execute
from slipline.pipeline.runners.run_log import RunLog
from slipline.pipeline.runners.run_report import RunReport, has_passed, words_of, write_outcome
from slipline.pipeline.runners.workers import Workers
from slipline.pipeline.store.store import Store
from slipline.pipeline.store.tables import RunStepRow

OURS = "slipline"
"""Components of this package that are never cached take a moment, and are trusted to end; no process is started."""


class Display(Protocol):
    """Shows a person how a run goes; called by one thread at a time, in the order of events."""

    def step_started(self, step: str) -> None:
        """A step's turn has come."""

    def step_said(self, step: str, line: str) -> None:
        """A step tells how far it is."""

    def step_ended(self, outcome: Outcome) -> None:
        """A step is through."""


@dataclass(frozen=True, kw_only=True)
class LocalRunner:
    """Runs every step once, upstream first, in worker processes on this machine.

    Attributes:
      store: Where results are kept and found.
      display: Shows the progress.
      fresh: Whether to call every component even if an earlier result could stand in.
      parallel: How many steps run side by side at most; by default one for each core, up to four, as most steps use
        several cores themselves.
      meanwhile: Called in a thread whenever a worker is put to work, for what the caller wants ready at the end.
      workers: What calls components, given the run's log.
    """

    store: Store
    display: Display
    fresh: bool = False
    parallel: int | None = None
    meanwhile: Callable[[], None] = lambda: None
    workers: Callable[[RunLog], Workers] = Workers

    def run(self, pipeline: Pipeline) -> RunReport:
        """Runs `pipeline` and reports each step's outcome; a failure ends what depends on it, not the report.

        Raises:
          GraphError: It has no step.
          KeyboardInterrupt: The run was interrupted; nothing half-written is left, and what was done counts.
        """
        if not pipeline.steps and pipeline.last is None:
            raise GraphError(f"pipeline {pipeline.name!r} has no step; add one with add()")
        started = time.perf_counter()
        run_id = self.store.begin_run(pipeline.name)
        log = RunLog(self.store.home / "logs" / f"{run_id}.log")
        log.path.parent.mkdir(exist_ok=True)
        with self.store.running(run_id):
            outcomes = _Run(self, pipeline, run_id, log).through()
            self.store.end_run(run_id, passed=has_passed(outcomes))
        return RunReport(
            run_id=run_id, outcomes=tuple(outcomes), seconds=time.perf_counter() - started, log_path=log.path
        )


class _Run:
    """One run, from its first step to its last."""

    def __init__(self, runner: LocalRunner, pipeline: Pipeline, run_id: str, log: RunLog) -> None:
        self.runner, self.pipeline, self.run_id, self.log = runner, pipeline, run_id, log
        self.ended: dict[Step, Outcome] = {}
        self._waiting = list(pipeline.steps)
        self._display = Lock()
        self._is_interrupted = Event()
        self._sources = Sources(runner.store.home / "imports.json")

    def through(self) -> list[Outcome]:
        """The outcome of every step, in the pipeline's order, the one at the end last."""
        last = self.pipeline.last
        try:
            with self.runner.workers(self.log) as workers:
                self._steps(workers)
        finally:
            if last is not None:  # also after an interrupt, which then goes on
                outcomes = [self.ended.get(step) or _cut_short(step) for step in self.pipeline.steps]
                outcome = write_outcome(self.run_id, outcomes, self.runner.store.home / "outcomes" / self.run_id)
                self._is_interrupted.clear()
                with self.runner.workers(self.log) as workers:
                    self._end(last, self._step(last, workers, outcome))
        return [self.ended[step] for step in (*self.pipeline.steps, *filter(None, [last]))]

    def _steps(self, workers: Workers) -> None:
        """Runs what is ready until nothing is left; a step that fails ends none of those beside it."""
        side_by_side = self.runner.parallel or min(os.cpu_count() or 1, 4)
        under_way: dict[Future[Outcome], Step] = {}
        with ThreadPoolExecutor(side_by_side) as threads:
            try:
                while self._waiting or under_way:
                    ready = self._ready(side_by_side - len(under_way))
                    self._waiting = [step for step in self._waiting if step not in ready]
                    if len(ready) == 1 and not under_way:  # in this thread, where an interrupt ends it at once
                        self._end(ready[0], self._step(ready[0], workers))
                    else:
                        under_way |= {threads.submit(self._step, step, workers): step for step in ready}
                        done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                        for future in done:
                            self._end(under_way.pop(future), future.result())
                    self._end_idle(workers, under_way.values())
            except BaseException:
                self._is_interrupted.set()
                workers.close()
                raise

    def _ready(self, most: int) -> list[Step]:
        """Steps whose turn has come, no more than `most`."""
        ready = [step for step in self._waiting if all(other in self.ended for other in step.upstream)]
        return ready[:most]

    def _end(self, step: Step, outcome: Outcome) -> None:
        """Puts on record how a step ended, and tells of it."""
        self.ended[step] = outcome
        steps = [*self.pipeline.steps, *filter(None, [self.pipeline.last])]
        self.runner.store.record_step(_row(self.run_id, steps.index(step), outcome))
        self._tell(lambda display: display.step_ended(outcome))

    def _tell(self, event: Callable[[Display], None]) -> None:
        with self._display:
            event(self.runner.display)

    def _step(self, step: Step, workers: Workers, run_outcome: RunOutcome | None = None) -> Outcome:
        """Brings a step to its end, with as many tries as it is given."""
        started = time.perf_counter()
        self._tell(lambda display: display.step_started(step.name))
        for left in range(step.retries, -1, -1):
            try:
                return self._try(step, workers, run_outcome)
            except StepError as error:
                self.log.write("".join(traceback.format_exception(error)).encode("utf-8", "backslashreplace"))
                message = str(error)
                if self._is_interrupted.is_set() or not _is_its_own(error):
                    break
                if left:
                    self._say(step, f"trying again, as it failed: {message}")
        return Outcome(step=step.name, status=Status.FAILED, seconds=time.perf_counter() - started, message=message)

    def _try(self, step: Step, workers: Workers, run_outcome: RunOutcome | None) -> Outcome:
        def call(component: Component[Any, Any], arguments: Mapping[str, object], say: Say) -> Artifact:
            if not component.cached and component.module.partition(".")[0] == OURS and step.timeout_s is None:
                return call_here(component, arguments, say)
            self._prepare(step, workers)
            return workers.call(component, arguments, say, step.timeout_s)

        return execute(
            step,
            self.ended,
            self.runner.store,
            call=call,
            say=lambda line: self._say(step, line),
            fresh=self.runner.fresh,
            sources=self._sources,
            run_outcome=run_outcome,
        )

    def _say(self, step: Step, line: str) -> None:
        """Passes a line on.

        Raises:
          StepCrashed: The run was interrupted: whoever has something to say, or waits for another run, stops here.
        """
        if self._is_interrupted.is_set():
            raise StepCrashed("the run was interrupted; run again to carry on")
        self._tell(lambda display: display.step_said(step.name, line))

    def _prepare(self, step: Step, workers: Workers) -> None:
        """Has everything imported, in a process each, that this step or one behind it will want."""
        for other in (step, *self.pipeline.downstream_of(step)):
            workers.start(other.component.loads)
        # Waited for when Python ends: a module that is just being imported then would crash it.
        Thread(target=self.runner.meanwhile).start()

    def _end_idle(self, workers: Workers, under_way: Iterable[Step]) -> None:
        """Ends the workers whose modules no step will want any more."""
        left = {step.component.loads for step in (*self._waiting, *under_way)}
        for loads in {step.component.loads for step in self.ended} - left:
            workers.end(loads)


def _cut_short(step: Step) -> Outcome:
    return Outcome(step=step.name, status=Status.SKIPPED, message="the run was interrupted before it came to an end")


def _is_its_own(error: StepError) -> bool:
    """Whether a failure is the component's, so that another try may help."""
    return isinstance(error, StepCrashed | StepTimedOut) or isinstance(error.__cause__, ComponentError)


def _row(run_id: str, position: int, outcome: Outcome) -> RunStepRow:
    return RunStepRow(
        run_id=run_id,
        position=position,
        step=outcome.step,
        status=outcome.status.value,
        seconds=outcome.seconds,
        message=words_of(outcome),
        execution_id=outcome.made.execution_id if outcome.made else None,
        closed=outcome.closed is not None,
    )
