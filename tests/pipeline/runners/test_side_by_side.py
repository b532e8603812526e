"""Steps that do not wait for each other run side by side, and none of them suffers from another's end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Event, Lock
from typing import Any

import pytest

from slipline.pipeline.core.artifact import Artifact
from slipline.pipeline.core.component import Component, Say, component
from slipline.pipeline.core.graph import Pipeline, Step
from slipline.pipeline.runners.local import LocalRunner
from slipline.pipeline.runners.run_log import RunLog
from slipline.pipeline.runners.run_report import RunReport
from slipline.pipeline.runners.workers import Loads
from slipline.pipeline.store.history import recorded_runs
from slipline.pipeline.store.lineage import trace
from slipline.pipeline.store.removal import remove_leftovers
from slipline.pipeline.store.store import Store
from tests.pipeline.here import Here
from tests.pipeline.recorder import Recorder
from tests.pipeline.runners.test_declared import tell
from tests.pipeline.toy import CheckParams, SumParams, Words, WriteParams, add_up, check, write

pytestmark = pytest.mark.slow  # real processes, or whole steps, for each test

LONG_S = 30.0

INTERRUPTED_RUN = """
from pathlib import Path
from slipline.pipeline.core.graph import Pipeline
from slipline.pipeline.runners.local import LocalRunner
from slipline.pipeline.store.store import Store
from tests.pipeline.recorder import Recorder
from tests.pipeline.runners.test_declared import tell
from tests.pipeline.toy import SumParams, WriteParams, add_up, write

flow = Pipeline("hanging")
words = flow.add(write, params=WriteParams())
for factor in (2, 3):
    flow.add(add_up, name=f"hang_{{factor}}", words=words, params=SumParams(trouble="hang", factor=factor))
flow.at_end(tell, words=words)
with Store.open(Path({home!r})) as store:
    LocalRunner(store=store, display=Recorder(), parallel={parallel}).run(flow)
"""


@component(loads=("json",))
def read(words: Words, out: Path) -> Words:
    (out / "words.txt").write_bytes((words.path / "words.txt").read_bytes())
    return replace(words, path=out)


class Noting(Here):
    """Notes which workers are ended."""

    def __init__(self, log: RunLog, events: list[str]) -> None:
        super().__init__(log)
        self.events = events

    def end(self, loads: Loads) -> None:
        self.events.append(f"ended those of {loads}")


class Asked(Here):
    """Asks `before` whenever a component is to be called."""

    def __init__(self, log: RunLog, before: Callable[[int, Say], None]) -> None:
        super().__init__(log)
        self.before = before

    def call(
        self, component: Component[Any, Any], arguments: Mapping[str, object], say: Say, timeout_s: float | None = None
    ) -> Artifact:
        params = arguments.get("params")
        self.before(params.factor if isinstance(params, SumParams) else 0, say)
        return super().call(component, arguments, say, timeout_s)


def run(
    flow: Pipeline, store: Store, before: Callable[[int, Say], None], parallel: int, recorder: Recorder | None = None
) -> RunReport:
    display = recorder or Recorder()
    return LocalRunner(store=store, display=display, parallel=parallel, workers=lambda log: Asked(log, before)).run(
        flow
    )


def fan(factors: range, **trouble: str) -> tuple[Pipeline, Step]:
    """A pipeline of one step, and one for each factor that waits for that one alone."""
    flow = Pipeline("fan")
    words = flow.add(write, params=WriteParams())
    for factor in factors:
        params = SumParams(factor=factor, trouble=trouble.get(f"s{factor}", ""))
        flow.add(add_up, name=f"s{factor}", words=words, params=params)
    return flow, words


def statuses(report: RunReport) -> list[str]:
    return [outcome.status.value for outcome in report.outcomes]


@pytest.mark.parametrize("parallel", [2, 3])
def test_as_many_run_side_by_side_as_may(store: Store, parallel: int) -> None:
    met = Barrier(parallel)
    flow, _ = fan(range(1, 2 * parallel + 1))
    report = run(flow, store, lambda factor, say: factor and met.wait(LONG_S), parallel)
    assert report.passed


@pytest.mark.parametrize("parallel", [1, 2])
def test_no_more_run_side_by_side_than_may(store: Store, parallel: int) -> None:
    lock, under_way, most = Lock(), 0, 0

    def before(factor: int, say: Say) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.02)
        with lock:
            under_way -= 1

    flow, _ = fan(range(1, 6))
    assert run(flow, store, before, parallel).passed
    assert most <= parallel


def test_a_step_that_fails_ends_none_beside_it_and_outcomes_come_in_the_pipelines_order(store: Store) -> None:
    failed = Event()

    class Watching(Recorder):
        def step_ended(self, outcome: Any) -> None:
            super().step_ended(outcome)
            if outcome.status.value == "failed":
                failed.set()

    recorder = Watching()
    flow, words = fan(range(1, 3), s2="foreseen")
    behind_good = flow.add(check, name="good", words=words, params=CheckParams())
    flow.add(add_up, name="behind", words=words, params=SumParams(factor=4), only_if=[behind_good])
    flow.at_end(tell, words=words)
    report = run(flow, store, lambda factor, say: factor == 1 and failed.wait(LONG_S), 2, recorder)
    assert failed.is_set()
    assert [outcome.step for outcome in report.outcomes] == ["write", "s1", "s2", "good", "behind", "tell"]
    assert statuses(report) == ["done", "done", "failed", "done", "done", "done"]
    assert recorder.events.index("s2 failed") < recorder.events.index("s1 done")
    assert [step.step for step in recorded_runs(store)[0].steps] == [outcome.step for outcome in report.outcomes]


@pytest.mark.parametrize("parallel", [1, 2])
def test_workers_whose_modules_no_step_will_want_any_more_are_ended_at_once(store: Store, parallel: int) -> None:
    flow = Pipeline("reading")
    words = flow.add(read, words=flow.add(write, params=WriteParams()))
    flow.add(add_up, words=words, params=SumParams())
    recorder = Recorder()
    LocalRunner(store=store, display=recorder, parallel=parallel, workers=lambda log: Noting(log, recorder.events)).run(
        flow
    )
    ended = [event for event in recorder.events if "said" not in event and "started" not in event]
    assert ended[:3] == ["write done", "read done", "ended those of ('json',)"]
    assert ended.index("add_up done") < ended.index("ended those of ()")


def test_an_interrupt_ends_those_beside_it_when_they_next_say_something(store: Store) -> None:
    talking = Event()

    def before(factor: int, say: Say) -> None:
        if factor == 1:
            talking.wait(LONG_S)
            raise KeyboardInterrupt
        while factor == 2:
            talking.set()
            say("still at it")

    flow, _ = fan(range(1, 4))
    with pytest.raises(KeyboardInterrupt):
        run(flow, store, before, 2)
    (interrupted,) = recorded_runs(store)
    assert (interrupted.outcome, [step.step for step in interrupted.steps]) == ("interrupted", ["write"])
    assert remove_leftovers(store) == ()


@pytest.mark.parametrize("parallel", [1, 2])
def test_ctrl_c_ends_the_workers_runs_the_last_step_and_leaves_nothing_half_written(
    tmp_path: Path, parallel: int
) -> None:
    home, script = tmp_path / "home", tmp_path / "hanging.py"
    script.write_text(INTERRUPTED_RUN.format(home=str(home), parallel=parallel))
    process = subprocess.Popen(
        [sys.executable, str(script)], env={**os.environ, "PYTHONPATH": str(Path.cwd())}, stderr=subprocess.PIPE
    )
    workers = _hanging(home, parallel)
    process.send_signal(signal.SIGINT)
    _, printed = process.communicate(timeout=LONG_S)
    assert b"KeyboardInterrupt" in printed
    assert not [worker for worker in workers if _lives(worker)]
    with Store.open(home) as store:
        (run,) = recorded_runs(store)
        assert run.outcome == "interrupted"
        assert [(step.step, step.status) for step in run.steps] == [("write", "done"), ("tell", "done")]
        told = json.loads(trace(store, run.steps[-1].execution_id or "").executions[-1].facts)
        assert told["passed"] is False
        assert remove_leftovers(store) == ()


def _hanging(home: Path, wanted: int) -> list[int]:
    """The processes of the steps that hang, once there are as many as wanted."""
    deadline_s = time.monotonic() + LONG_S
    while time.monotonic() < deadline_s:
        texts = [file.read_text() for file in home.glob("scratch/*/pid")]
        if len(texts) == wanted and all(texts):
            return [int(text) for text in texts]
        time.sleep(0.05)
    raise AssertionError("the hanging steps never began")


def _lives(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().split()[2] != "Z"
