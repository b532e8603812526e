"""Batch prediction as a user runs it, on this machine and on Beam's distributed runners."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipline.components.batch_prediction.predict_files import predict_files
from slipline.components.batch_prediction.request import AskedRelease, BatchRequest
from slipline.components.beam.beam_options import BeamSettings
from slipline.components.files.tfrecord_files import write_records
from slipline.serving.releases.store.records import ReleaseRow
from tests.end_to_end.beam_clusters import flink_runner, portable_runner
from tests.end_to_end.conftest import SLIPLINE, User
from tests.small_mnist import MNIST, first_records
from tests.untrained_release import release_untrained

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def release(home: Path) -> ReleaseRow:
    return release_untrained(home)


@pytest.fixture(scope="module")
def user(home: Path, release: ReleaseRow) -> User:
    return User(home)


@pytest.fixture(scope="module", params=["portable", "flink"])
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BeamSettings]:
    logs = tmp_path_factory.mktemp(request.param)
    with portable_runner(logs) if request.param == "portable" else flink_runner(logs, task_managers=2) as settings:
        yield settings


def test_workers_in_other_processes_make_the_same_files(
    release: ReleaseRow, cluster: BeamSettings, tmp_path: Path
) -> None:
    records = first_records("test", 3_000)
    records[7] = b"no example"
    for part in range(2):
        write_records(tmp_path / f"{part}.tfrecord", records[part::2])
    asked = AskedRelease(model=release.model, version=release.version, digest=release.digest, folder=release.path)
    made = {}
    for name, beam in (("here", BeamSettings()), ("there", cluster)):
        out = tmp_path / name
        pattern = (str(tmp_path / "*.tfrecord"),)
        manifest = predict_files(BatchRequest(release=asked, inputs=pattern, out=out, beam=beam), lambda line: None)
        assert (manifest.predicted, manifest.failed) == (2_999, 1)
        made[name] = {file.name: file.read_bytes() for file in out.iterdir() if file.name != "_manifest.json"}
    assert made["there"] == made["here"]


def test_the_test_split_of_mnist_is_predicted_with_one_command(user: User, tmp_path: Path) -> None:
    done = user.slipline("predict-batch", "digits", f"{MNIST}/mnist-test*", f"--to={tmp_path / 'out'}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("10,000 records in: 10,000 predicted with digits version 1, 0 failed\naccuracy 0.")
    assert done.stderr == "reading 1 file, 3.3 MB\n"
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "_SUCCESS",
        "_manifest.json",
        "predictions-00000-of-00001.parquet",
    ]


def test_a_failed_record_makes_the_exit_status_1_and_leaves_the_rest(user: User, tmp_path: Path) -> None:
    write_records(tmp_path / "digits.tfrecord", [*first_records("test", 3), b"no example"])
    done = user.slipline("predict-batch", "digits", f"{tmp_path}/digits.tfrecord", f"--to={tmp_path / 'out'}")
    assert done.returncode == 1
    assert done.stdout.startswith("4 records in: 3 predicted with digits version 1, 1 failed\n")
    assert f"failed {tmp_path / 'out' / '_failed.jsonl'}\n" in done.stdout


@pytest.mark.parametrize("processes", [1, 2])
def test_an_interrupt_leaves_nothing_and_is_told_in_one_line(user: User, tmp_path: Path, processes: int) -> None:
    (tmp_path / "to").mkdir()
    out = tmp_path / "to" / "out"
    command = [*SLIPLINE, "predict-batch", "digits", f"{MNIST}/*.tfrecord*", f"--to={out}"]
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(
            [*command, f"--set=beam.processes={processes}"], env=user.environment, stderr=said, start_new_session=True
        )
        while not list(out.parent.glob(".out.part-*/.parts")):
            assert process.poll() is None
            time.sleep(0.02)
        time.sleep(0.5)  # into the work
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        assert process.wait(60) == 1
    told = (tmp_path / "said").read_text()
    assert told.splitlines() == ["reading 2 files, 23.1 MB", f"Error: interrupted; {out} was not written"]
    assert list(out.parent.iterdir()) == []


def test_a_disk_that_is_full_is_told_in_one_line_and_nothing_is_left(user: User, tmp_path: Path) -> None:
    command = [*SLIPLINE, "predict-batch", "digits", f"{MNIST}/mnist-test*", f"--to={tmp_path / 'out'}"]
    limited = ["bash", "-c", 'ulimit -f 64; exec "$@"', "bash", *command]  # no file may be larger than 64 KiB
    done = subprocess.run(limited, env=user.environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == [done.stderr.splitlines()[-1]]
    assert "a worker cannot write there (File too large); make room, or choose another --to" in done.stderr
    assert list(tmp_path.iterdir()) == []
