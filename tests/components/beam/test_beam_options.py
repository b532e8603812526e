"""Beam: work is handed out and comes back whole, quietly, in this process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from slipline.components.beam.beam_options import RUNNERS, BeamSettings, Problem, pipeline_options, run_jobs
from slipline.components.errors import BadData


def doubled(jobs):
    import apache_beam as beam

    return jobs | beam.Map(lambda job: Problem(f"job {job} is bad") if job in (13, 14) else 2 * job)


def test_every_job_comes_back_once_and_no_file_is_left(tmp_path):
    assert sorted(run_jobs(BeamSettings(), range(10), doubled, tmp_path)) == list(range(0, 20, 2))
    assert list(tmp_path.iterdir()) == []


def test_no_jobs_give_no_results(tmp_path):
    assert run_jobs(BeamSettings(), [], doubled, tmp_path) == []


def test_a_problem_that_a_worker_returns_is_raised_as_bad_data(tmp_path):
    with pytest.raises(BadData, match=r"job 13 is bad \(and 1 more such files\)"):
        run_jobs(BeamSettings(), [1, 13, 14], doubled, tmp_path)


def test_the_direct_runner_is_the_in_process_one_and_others_keep_their_name():
    """Beam's own DirectRunner would first try to download another runner."""
    assert pipeline_options(BeamSettings()).get_all_options()["runner"] == "FnApiRunner"
    settings = BeamSettings(runner="FlinkRunner", options=("--flink_master=localhost:8081",))
    assert pipeline_options(settings).get_all_options()["runner"] == "FlinkRunner"


def process(jobs):
    import os

    import apache_beam as beam

    return jobs | beam.Map(lambda job: (job, os.getpid()))


def test_several_processes_share_the_jobs_and_each_comes_back_once(tmp_path):
    done = run_jobs(BeamSettings(processes=2), range(8), process, tmp_path)
    assert sorted(job for job, _ in done) == list(range(8))
    assert len({worker for _, worker in done}) == 2


def test_long_work_is_shared_among_the_cores_and_short_work_is_not():
    assert BeamSettings().processes_for(alone_s=1.0) == 1
    assert BeamSettings().processes_for(alone_s=60.0) == len(os.sched_getaffinity(0))
    assert BeamSettings(processes=3).processes_for(alone_s=60.0) == 3


def test_workers_end_with_their_job(tmp_path):
    done = run_jobs(BeamSettings(processes=2), range(8), process, tmp_path)
    assert len(done) == 8
    assert not any(Path(f"/proc/{worker}").exists() for _, worker in done)


def test_an_error_in_a_worker_process_comes_out(tmp_path):
    with pytest.raises(BadData, match="job 13 is bad"):
        run_jobs(BeamSettings(processes=2), [1, 13], doubled, tmp_path)


def test_a_negative_number_of_processes_is_refused():
    with pytest.raises(ValueError, match="processes must be 0 or more, got -1"):
        BeamSettings(processes=-1)


def test_nothing_is_printed(tmp_path):
    program = (
        "import sys; from pathlib import Path\n"
        "from slipline.components.beam.beam_options import BeamSettings, run_jobs\n"
        "assert run_jobs(BeamSettings(), [1], lambda jobs: jobs, Path(sys.argv[1])) == [1]\n"
    )
    root = Path(__file__).parents[3]
    run = subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=root, capture_output=True, check=True)
    assert (run.stdout, run.stderr) == (b"", b"")


def test_every_runner_that_beam_names_is_taken_and_no_other():
    from apache_beam.options.pipeline_options import StandardOptions

    assert sorted(RUNNERS) == sorted(StandardOptions.KNOWN_RUNNER_NAMES)
    with pytest.raises(ValueError, match=r"runner must be one of .* got FlinkRuner"):
        BeamSettings(runner="FlinkRuner")
    assert BeamSettings(runner="tests.components.lossy_runner.LosingRunner").runner.startswith("tests")
