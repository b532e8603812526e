"""Jobs on Beam: each comes back once, quietly, in the order of the jobs, or what became of it is said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.components.beam.beam_options import BeamSettings
from slipline.components.beam.jobs import each_once, map_jobs
from slipline.components.errors import BadData, BeamFailed

pytestmark = pytest.mark.slow  # real processes, or whole steps, for each test


def doubled(job):
    if job in (13, 14):
        raise BadData(f"job {job} is bad")
    return 2 * job


def done(work, jobs, folder, processes=0):
    return map_jobs(BeamSettings(processes=processes), jobs, work, folder, names=list(map(str, jobs)))


def process_of(job):
    return job, os.getpid()


def test_every_job_comes_back_in_its_order_and_no_file_is_left(tmp_path):
    assert done(doubled, range(10), tmp_path) == list(range(0, 20, 2))
    assert list(tmp_path.iterdir()) == []


def test_no_jobs_give_no_results(tmp_path):
    assert done(doubled, [], tmp_path) == []


def test_bad_data_that_a_worker_finds_is_told_of_the_first_such_job(tmp_path):
    with pytest.raises(BadData, match=r"job 13 is bad \(and 1 more such files\)"):
        done(doubled, [14, 1, 13], tmp_path)


def test_several_processes_share_the_jobs_and_end_with_them(tmp_path):
    found = done(process_of, range(8), tmp_path, processes=2)
    assert [job for job, _ in found] == list(range(8))
    workers = {worker for _, worker in found}
    assert len(workers) == 2
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)


def test_bad_data_found_in_a_worker_process_comes_out(tmp_path):
    with pytest.raises(BadData, match="job 13 is bad"):
        done(doubled, [1, 13], tmp_path, processes=2)


def test_nothing_is_printed(tmp_path):
    program = (
        "import sys; from pathlib import Path\n"
        "from slipline.components.beam.beam_options import BeamSettings\n"
        "from slipline.components.beam.jobs import run_jobs\n"
        "assert run_jobs(BeamSettings(), [1], lambda jobs: jobs, Path(sys.argv[1])) == [1]\n"
    )
    root = Path(__file__).parents[3]
    run = subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=root, capture_output=True, check=True)
    assert (run.stdout, run.stderr) == (b"", b"")


@given(st.integers(0, 9).flatmap(lambda count: st.permutations(range(count))))
def test_results_in_any_order_come_back_in_the_order_of_the_jobs(order):
    names = [f"file {number}" for number in order]
    assert each_once(names, [(number, f"of {number}") for number in order]) == [f"of {n}" for n in sorted(order)]


def test_a_lost_job_is_named():
    with pytest.raises(
        BeamFailed, match=r"^b, d: Beam returned no result for this; its runner lost work, choose another"
    ):
        each_once(["a", "b", "c", "d"], [(0, 1), (2, 1)])


def test_a_job_done_twice_is_named():
    with pytest.raises(BeamFailed, match=r"^b: Beam returned two results for this; its runner doubles work"):
        each_once(["a", "b"], [(0, 1), (1, 1), (1, 1)])
