"""The data plane on Apache Flink: real JobManager, TaskManagers and Python workers, started by its scripts."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slipline.components.beam.beam_options import BeamSettings
from slipline.components.beam.jobs import run_jobs
from slipline.components.errors import BeamFailed
from tests.end_to_end.beam_clusters import flink_runner, run_data_plane, write_files

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def flink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BeamSettings]:
    with flink_runner(tmp_path_factory.mktemp("flink"), task_managers=2) as settings:
        yield settings


@pytest.mark.parametrize("broken", [False, True], ids=["sound", "broken"])
def test_two_task_managers_make_the_same_files_and_verdict_as_this_process(
    flink: BeamSettings, tmp_path: Path, broken: bool
) -> None:
    data = write_files(tmp_path / "digits", broken=broken)
    here = run_data_plane(data, BeamSettings(), tmp_path / "here")
    there = run_data_plane(data, flink, tmp_path / "there")
    assert there.files == here.files
    assert there.verdict.passed == here.verdict.passed == (not broken)


def test_the_task_managers_share_the_jobs_out(flink: BeamSettings, tmp_path: Path) -> None:
    assert len(set(run_jobs(flink, range(20), worker_ids, tmp_path))) == 2


def test_a_job_comes_through_the_loss_of_a_worker(flink: BeamSettings, tmp_path: Path) -> None:
    assert run_jobs(flink, [tmp_path / "lost"], lost_once, tmp_path) == [tmp_path / "lost"]


def test_a_job_that_loses_every_worker_fails_with_one_line(flink: BeamSettings, tmp_path: Path) -> None:
    with pytest.raises(BeamFailed, match=r"^FlinkRunner: .*client cancelled.*; is every worker there\? .*$"):
        run_jobs(flink, [tmp_path / "lost"], always_lost, tmp_path)


def worker_ids(jobs: Any) -> Any:
    import apache_beam as beam

    return jobs | beam.Map(lambda job: os.getpid())


def lost_once(markers: Any) -> Any:
    import apache_beam as beam

    return markers | beam.Map(_die_at_first)


def always_lost(jobs: Any) -> Any:
    import apache_beam as beam

    return jobs | beam.Map(lambda job: os.kill(os.getpid(), signal.SIGKILL))


def _die_at_first(marker: Path) -> Path:
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return marker
