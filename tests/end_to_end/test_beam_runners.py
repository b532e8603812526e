"""Another Beam runner, by settings alone: a real job service in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.beam_options import BeamSettings
from components.compute_statistics import compute_statistics
from components.ingest import IngestParams, ingest
from components.validate import validate
from tests.small_mnist import MNIST_SCHEMA, write_folder

STARTED = re.compile(r"started at localhost on port (\d+)")

pytestmark = pytest.mark.slow


@pytest.fixture
def portable() -> Iterator[BeamSettings]:
    """Settings for Beam's portable runner, whose job service ends with the test."""
    command = [sys.executable, "-m", "apache_beam.runners.portability.local_job_service_main", "--port=0"]
    service = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert service.stderr is not None
    try:
        port = next(found[1] for line in service.stderr if (found := STARTED.search(line)))
        options = (f"--job_endpoint=localhost:{port}", "--environment_type=LOOPBACK")
        yield BeamSettings(runner="PortableRunner", options=options)
    finally:
        service.terminate()
        service.wait(30)
        service.stderr.close()


def test_the_portable_runner_makes_the_same_examples_statistics_and_verdict_as_the_one_in_process(
    portable: BeamSettings, tmp_path: Path
) -> None:
    folder = write_folder(tmp_path / "digits", train=300, test=100)
    made = []
    for name, beam in (("here", BeamSettings()), ("there", portable)):
        ingested, described, judged = (tmp_path / name / step for step in ("ingest", "statistics", "validate"))
        for out in (ingested, described, judged):
            out.mkdir(parents=True)
        examples = ingest(IngestParams(folder=folder), beam, ingested, lambda line: None)
        statistics = compute_statistics(examples, beam, described)
        anomalies = validate(examples, statistics, MNIST_SCHEMA, beam, judged)
        files = [file.read_bytes() for split in examples.splits for file in examples.files(split.name)]
        made.append((examples.splits, files, statistics.proto_path.read_bytes(), anomalies.passed, anomalies.records))
    assert made[0] == made[1]
