"""Workers are kept for components that load the same modules, one for each call under way."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from slipline.pipeline.core.component import Say, component
from slipline.pipeline.core.errors import StepCrashed
from slipline.pipeline.runners.run_log import RunLog
from slipline.pipeline.runners.workers import Workers
from tests.pipeline.toy import Words


@component
def whoami(out: Path, say: Say) -> Words:
    say("here")
    return Words(path=out, count=os.getpid())


def process_of(workers: Workers, out: Path, say: Any = lambda line: None) -> int:
    made = workers.call(whoami, {"out": out}, say)
    assert isinstance(made, Words)
    return made.count


def test_a_worker_is_used_again_and_calls_at_once_have_one_each(tmp_path: Path) -> None:
    both = Barrier(2)
    with Workers(RunLog(tmp_path / "log")) as workers:
        first = process_of(workers, tmp_path)
        assert process_of(workers, tmp_path) == first != os.getpid()
        with ThreadPoolExecutor(2) as threads:
            calls = [threads.submit(process_of, workers, tmp_path, lambda line: both.wait(30)) for _ in range(2)]
            assert len({call.result() for call in calls}) == 2
        workers.end(whoami.loads)
        assert process_of(workers, tmp_path) != first
    with pytest.raises(StepCrashed):
        process_of(workers, tmp_path)


def test_what_lies_in_the_working_directory_hides_nothing_of_a_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pickle.py").write_text("raise RuntimeError('not this one')")
    (tmp_path / "slipline").mkdir()
    monkeypatch.chdir(tmp_path)
    with Workers(RunLog(tmp_path / "log")) as workers:
        assert process_of(workers, tmp_path) > 0
