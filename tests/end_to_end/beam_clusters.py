"""Beam's distributed runners as real processes on this machine, and the data plane run on them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from slipline.components.artifacts import Anomalies, Baseline
from slipline.components.beam.beam_options import BeamSettings
from slipline.components.files.tfrecord_files import write_records
from slipline.components.steps.compute_statistics import compute_statistics
from slipline.components.steps.ingest import IngestParams, ingest
from slipline.components.steps.validate import validate
from slipline.components.validation.validate_settings import ValidateParams
from tests.small_mnist import MNIST_SCHEMA, ROOT, first_records

FLINK = ROOT / "infra" / "flink"
FLINK_RUNNER = ROOT / ".flink" / "flink-runner.jar"
TIME_LIMIT_S = 120


@dataclass(frozen=True)
class Made:
    """What the data plane made of a folder.

    Attributes:
      files: The content of every file, by step and name.
      verdict: That of `validate`.
    """

    files: Mapping[str, bytes]
    verdict: Anomalies


def write_files(folder: Path, *, broken: bool = False) -> Path:
    """A data folder whose splits have several files each, so that there is something to share out.

    Args:
      folder: Where it is made.
      broken: Whether one record among them is no example.
    """
    for split, files, count in (("train", 4, 400), ("test", 2, 100)):
        records = first_records(split, count)
        if broken and split == "train":
            records[-1] = b"no example"
        (folder / split).mkdir(parents=True)
        for n in range(files):
            write_records(folder / split / f"{n}.tfrecord", records[n::files])
    return folder


def run_data_plane(data: Path, beam: BeamSettings, home: Path) -> Made:
    """Ingests, describes and validates a folder of digits on the runner that `beam` names."""
    ingested, described, judged = folders = tuple(home / step for step in ("ingest", "statistics", "validate"))
    for folder in folders:
        folder.mkdir(parents=True)
    examples = ingest(IngestParams(folder=data), beam, ingested, lambda line: None)
    statistics = compute_statistics(examples, beam, described)
    no_baseline = Baseline(path=home / "no baseline")
    verdict = validate(examples, statistics, no_baseline, MNIST_SCHEMA, ValidateParams(), beam, judged)
    files = {str(file.relative_to(home)): file.read_bytes() for file in sorted(home.rglob("*")) if file.is_file()}
    return Made(files=files, verdict=verdict)


@contextmanager
def portable_runner(logs: Path) -> Iterator[BeamSettings]:
    """Settings for Beam's own job service and a pool of workers, two processes that end with the block."""
    service = (sys.executable, "-m", "apache_beam.runners.portability.local_job_service_main", "--port=0")
    worker_port = free_port()
    pool = (sys.executable, "-m", "apache_beam.runners.worker.worker_pool_main", f"--service_port={worker_port}")
    with (
        _process(service, logs / "job_service.log", r"started at localhost on port (\d+)") as started,
        _process(pool, logs / "workers.log", "Started worker pool"),
    ):
        yield BeamSettings(
            runner="PortableRunner",
            options=(
                f"--job_endpoint=localhost:{started[1]}",
                "--environment_type=EXTERNAL",
                f"--environment_config=localhost:{worker_port}",
            ),
        )


@contextmanager
def flink_runner(logs: Path, *, task_managers: int) -> Iterator[BeamSettings]:
    """Settings for a Flink cluster: JobManager, TaskManagers of one slot, pool of workers; all end with the block."""
    if not FLINK_RUNNER.exists():
        message = "there is no Flink in .flink; run `make flink` first"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    rest, rpc, workers = (free_port() for _ in range(3))
    ports = {"REST_PORT": str(rest), "RPC_PORT": str(rpc), "WORKER_PORT": str(workers)}
    size = {"TASKMANAGERS": str(task_managers), "SLOTS": "1"}
    environment = {**os.environ, **ports, **size, "PYTHON": sys.executable}
    subprocess.run([FLINK / "start", logs], env=environment, check=True, timeout=TIME_LIMIT_S)
    try:
        yield BeamSettings(
            runner="FlinkRunner",
            options=(
                f"--flink_master=http://127.0.0.1:{rest}",
                "--flink_submit_uber_jar",
                f"--flink_job_server_jar={FLINK_RUNNER}",
                f"--parallelism={task_managers}",
                "--environment_type=EXTERNAL",
                f"--environment_config=127.0.0.1:{workers}",
                "--environment_cache_millis=1000",
            ),
        )
    finally:
        subprocess.run([FLINK / "stop", logs], check=True, timeout=TIME_LIMIT_S)


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def _process(command: tuple[str, ...], log: Path, ready: str) -> Iterator[re.Match[str]]:
    """Runs a process, and those that it starts, until the block ends; yields where its log says that it is ready."""
    # The pool starts its workers as `python`.
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield _await(process, log, ready)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def _await(process: subprocess.Popen[bytes], log: Path, ready: str) -> re.Match[str]:
    end = time.monotonic() + TIME_LIMIT_S
    while process.poll() is None and time.monotonic() < end:
        if found := re.search(ready, log.read_text()):
            return found
        time.sleep(0.1)
    raise AssertionError(f"{process.args!r} did not start:\n{log.read_text()}")
