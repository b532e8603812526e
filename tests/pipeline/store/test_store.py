import math
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from slipline.components.artifacts import Evaluation, Examples, Shard, SliceMetrics, Split
from slipline.pipeline.core.errors import StoreError
from slipline.pipeline.runners.local import LocalRunner
from slipline.pipeline.store.history import recorded_runs
from slipline.pipeline.store.removal import remove_leftovers
from slipline.pipeline.store.store import Store, artifact_from_json, artifact_to_json
from tests.latest import latest
from tests.pipeline.recorder import Recorder
from tests.pipeline.toy import CheckParams, Total, Words, toy_pipeline


def test_the_facts_of_an_artifact_come_back_as_they_were(tmp_path: Path) -> None:
    metrics = SliceMetrics(name="all", records=3, accuracy=0.1 + 0.2, log_loss=1e-9)
    for artifact in (
        Examples(path=tmp_path, splits=(Split(name="a", shards=(Shard(file="f", records=1, source="s"),)),)),
        Evaluation(path=tmp_path, passed=False, reasons=("why",), overall=metrics, slices=(metrics, metrics)),
    ):
        assert artifact_from_json(type(artifact), artifact_to_json(artifact), tmp_path) == artifact


def test_a_home_that_moved_holds_the_same_artifacts(tmp_path: Path) -> None:
    with Store.open(tmp_path / "old") as store:
        LocalRunner(store=store, display=Recorder()).run(toy_pipeline())
    shutil.move(tmp_path / "old", tmp_path / "new")
    with Store.open(tmp_path / "new") as store:
        report = LocalRunner(store=store, display=Recorder()).run(toy_pipeline())
        total = latest(store, Total)
    assert report.all_cached
    assert total is not None
    assert total.path.is_relative_to(tmp_path / "new")


def test_a_file_is_digested_anew_once_it_changed(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("one")
    before = store.sha256(file)
    assert store.sha256(file) == before
    file.write_text("two")
    assert store.sha256(file) != before


def test_two_runs_at_once_execute_each_step_once(store: Store) -> None:
    runners = [LocalRunner(store=store, display=Recorder()) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda runner: runner.run(toy_pipeline()), runners))
    assert all(report.passed for report in reports)
    made = [[outcome.made.execution_id for outcome in report.outcomes if outcome.made] for report in reports]
    assert made[0] == made[1]


def test_a_home_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(StoreError, match=r"cannot use .*file as home: .*choose another with SLIPLINE_HOME"),
        Store.open(tmp_path / "file"),
    ):
        pass


def test_earlier_runs_are_told_with_how_each_step_went(store: Store) -> None:
    LocalRunner(store=store, display=Recorder()).run(toy_pipeline())
    LocalRunner(store=store, display=Recorder()).run(toy_pipeline(checked=CheckParams(most=1)))
    failed, passed = recorded_runs(store, 10)
    assert (passed.outcome, passed.counts()) == ("passed", {"done": 3})
    assert (failed.outcome, failed.counts()) == ("failed", {"cached": 1, "done": 1, "blocked": 1})
    assert failed.steps[-1].message == "check: 2 words, at most 1"


def test_the_latest_artifact_of_a_class_is_found(store: Store) -> None:
    assert latest(store, Words) is None
    LocalRunner(store=store, display=Recorder()).run(toy_pipeline())
    words = latest(store, Words)
    assert words is not None
    assert words.count == 2


@pytest.mark.slow
def test_many_processes_may_open_a_new_home_and_digest_the_same_file_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from slipline.pipeline.store.store import Store\n"
        "with Store.open(Path(sys.argv[1])) as store:\n"
        "    print(store.sha256(Path(sys.argv[2])))"
    )
    (tmp_path / "file").write_bytes(b"x" * 10_000_000)
    command = [sys.executable, "-c", code, str(tmp_path / "home"), str(tmp_path / "file")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    printed = {process.communicate()[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 6
    assert len(printed) == 1


def test_facts_that_are_no_numbers_come_back_too(tmp_path: Path) -> None:
    metrics = SliceMetrics(name="all", records=3, accuracy=0.5, log_loss=float("nan"))
    evaluation = Evaluation(path=tmp_path, passed=False, overall=metrics, slices=())
    assert math.isnan(artifact_from_json(Evaluation, artifact_to_json(evaluation), tmp_path).overall.log_loss)


def test_a_copy_over_a_file_that_keeps_its_time_and_size_is_seen(store: Store, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("one")
    new.write_text("two")
    os.utime(new, ns=(old.stat().st_atime_ns, old.stat().st_mtime_ns))
    before = store.sha256(old)
    shutil.copy2(new, old)
    assert store.sha256(old) != before


def test_what_a_run_under_way_has_not_committed_is_no_leftover(store: Store) -> None:
    run_id = store.begin_run("toy")
    with store.running(run_id):
        assert recorded_runs(store, 1)[0].outcome == "running"
        with pytest.raises(StoreError, match="a run is under way"):
            remove_leftovers(store)
    assert recorded_runs(store, 1)[0].outcome == "interrupted"
    assert remove_leftovers(store) == ()
