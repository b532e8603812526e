import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from slipline.components.artifacts import ServableModel
from slipline.components.steps.find_live import find_live
from slipline.components.steps.release_settings import ReleaseParams
from slipline.pipeline.core.artifact import Artifact
from slipline.pipeline.core.component import Component
from slipline.pipeline.core.errors import GraphError
from slipline.pipeline.core.graph import Pipeline
from slipline.pipeline.runners.local import LocalRunner
from slipline.pipeline.runners.run_report import RunReport
from slipline.pipeline.store.history import recorded_runs
from slipline.pipeline.store.removal import remove_leftovers
from slipline.pipeline.store.store import Store
from tests.pipeline.here import Here
from tests.pipeline.recorder import Recorder
from tests.pipeline.toy import CheckParams, SumParams, toy_pipeline

HANGING_RUN = """
from pathlib import Path
from slipline.pipeline.runners.local import LocalRunner
from slipline.pipeline.store.store import Store
from tests.pipeline.here import Here
from tests.pipeline.recorder import Recorder
from tests.pipeline.toy import SumParams, toy_pipeline

if __name__ == "__main__":
    with Store.open(Path({home!r})) as store:
        LocalRunner(store=store, display=Recorder()).run(toy_pipeline(added=SumParams(trouble="hang")))
"""


def run(flow: Pipeline, store: Store) -> RunReport:
    return LocalRunner(store=store, display=Recorder()).run(flow)


def statuses(report: RunReport) -> list[str]:
    return [outcome.status.value for outcome in report.outcomes]


def test_a_pipeline_without_a_step_is_refused_and_leaves_no_run(store: Store) -> None:
    with pytest.raises(GraphError, match="pipeline 'empty' has no step"):
        run(Pipeline("empty"), store)
    assert recorded_runs(store) == ()


def test_the_display_is_told_of_each_step_in_order_and_of_what_it_says(store: Store) -> None:
    recorder = Recorder()
    report = LocalRunner(store=store, display=recorder).run(toy_pipeline())
    assert report.passed
    assert recorder.events == [
        "write started",
        "write done",
        "check started",
        "check done",
        "add_up started",
        "add_up said adding",
        "add_up done",
    ]


def test_a_rerun_starts_no_process_and_says_that_all_is_cached(store: Store) -> None:
    run(toy_pipeline(), store)
    again = run(toy_pipeline(), store)
    assert again.all_cached
    assert not again.log_path.exists()


def test_a_closed_gate_fails_the_run(store: Store) -> None:
    report = run(toy_pipeline(checked=CheckParams(most=1)), store)
    assert statuses(report) == ["done", "done", "blocked"]
    assert not report.passed


def test_what_depends_on_a_failed_step_is_skipped_and_says_so(store: Store) -> None:
    flow = toy_pipeline(added=SumParams(trouble="foreseen"))
    from tests.pipeline.toy import add_up

    flow.add(add_up, name="again", words=flow.steps[0], params=SumParams(factor=5), only_if=[flow.steps[1]])
    report = run(flow, store)
    assert statuses(report) == ["done", "done", "failed", "done"]
    assert report.outcomes[2].message == "add_up: words.txt: record 3: wanted a word, got nothing; remove it"


@pytest.mark.parametrize(("timeout_s", "called"), [(None, []), (9.0, ["find_live"])])
def test_our_own_steps_that_are_never_cached_need_no_worker_unless_their_time_is_limited(
    store: Store, tmp_path: Path, timeout_s: float | None, called: list[str]
) -> None:
    workers = []

    class Noting(Here):
        def call(self, component: Component[Any, Any], *arguments: Any) -> Artifact:
            workers.append(component.name)
            return super().call(component, *arguments)

    flow = Pipeline("p")
    (tmp_path / "model").mkdir()
    candidate = flow.given(ServableModel(path=tmp_path / "model", signatures=()))
    flow.add(find_live, candidate=candidate, params=ReleaseParams(model="m", root=tmp_path), timeout_s=timeout_s)
    report = LocalRunner(store=store, display=Recorder(), workers=Noting).run(flow)
    assert statuses(report) == ["done"]
    assert workers == called


def test_a_process_that_is_killed_is_a_failure_with_a_remedy_and_the_next_run_carries_on(store: Store) -> None:
    report = run(toy_pipeline(added=SumParams(trouble="killed")), store)
    assert statuses(report) == ["done", "done", "failed"]
    assert "add_up: its process was ended by SIGKILL" in report.outcomes[2].message
    assert str(report.log_path) in report.outcomes[2].message
    assert statuses(run(toy_pipeline(), store)) == ["cached", "cached", "done"]


def test_what_components_print_goes_to_the_runs_log(store: Store, capfd: pytest.CaptureFixture[str]) -> None:
    report = run(toy_pipeline(added=SumParams(trouble="noise")), store)
    assert report.passed
    log = report.log_path.read_text()
    assert "noise on stdout" in log
    assert "noise on stderr" in log
    assert "noise" not in "".join(capfd.readouterr())


def test_a_run_killed_in_the_middle_takes_its_workers_along_and_the_next_redoes_only_the_step_that_was_cut(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    script = tmp_path / "hanging_run.py"
    script.write_text(HANGING_RUN.format(home=str(home)))
    process = subprocess.Popen([sys.executable, str(script)], env={**os.environ, "PYTHONPATH": str(Path.cwd())})
    worker = _wait_for_worker(home)
    process.send_signal(signal.SIGKILL)
    process.wait()
    _wait_until_gone(worker)
    with Store.open(home) as store:
        assert recorded_runs(store, 1)[0].outcome == "interrupted"
        assert len(list((home / "runs" / "add_up").iterdir())) == 1
        assert [folder.parent.name for folder in remove_leftovers(store)] == ["add_up"]
        assert statuses(run(toy_pipeline(), store)) == ["cached", "cached", "done"]
        assert remove_leftovers(store) == ()


def _wait_for_worker(home: Path) -> int:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for file in home.glob("scratch/*/pid"):
            if text := file.read_text():
                return int(text)
        time.sleep(0.05)
    raise AssertionError("the hanging step never began")


def _wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2]:
            return
        time.sleep(0.05)
    raise AssertionError(f"worker {pid} outlived its run")
