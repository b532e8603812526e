"""Whatever a Beam runner loses or repeats stops the step: records in are records out and records set aside."""

from __future__ import annotations

import pytest

from slipline.components.beam.beam_options import BeamSettings
from slipline.components.errors import BeamFailed
from slipline.components.examples.example_records import encode_example
from slipline.components.steps.compute_statistics import compute_statistics
from slipline.components.steps.ingest import IngestParams, ingest
from slipline.components.steps.set_aside import set_aside
from slipline.components.steps.validate import validate
from slipline.components.validation.validate_settings import ValidateParams
from tests.components.conftest import MNIST_SCHEMA, NO_BASELINE

pytestmark = pytest.mark.slow  # each runs Beam several times

RUNNERS = ("LosingRunner", "RepeatingRunner", "SwappingRunner")
SHARD = r"train-0000[02]-of-00003.tfrecord: Beam returned (no result|two results) for this; its runner "
ASIDE = ValidateParams(policy="set_aside", max_set_aside=0.5)


@pytest.fixture(params=RUNNERS)
def broken(request):
    """Settings for a runner that does not do its work once."""
    return BeamSettings(runner=f"tests.components.lossy_runner.{request.param}")


@pytest.fixture
def examples(plane, digits, png):
    for name in ("a", "b", "c"):
        plane.write("train", [*digits, encode_example(png(27, 28), 1)], f"{name}.tfrecord")
    return plane.ingest()


def test_ingest_stops(plane, digits, broken):
    for name in ("a", "b", "c"):
        plane.write("train", digits, f"{name}.tfrecord")
    with pytest.raises(BeamFailed, match="Beam"):
        ingest(IngestParams(folder=plane.source, splits=("train",)), broken, plane.out("ingest"), lambda line: None)


def test_statistics_stop(plane, examples, broken):
    with pytest.raises(BeamFailed, match=SHARD):
        compute_statistics(examples, broken, plane.out("statistics"))


def test_validation_stops(plane, examples, broken):
    statistics = plane.statistics(examples)
    with pytest.raises(BeamFailed, match=SHARD):
        validate(examples, statistics, NO_BASELINE, MNIST_SCHEMA, ASIDE, broken, plane.out("validate"))


def test_setting_aside_stops(plane, examples, broken):
    anomalies = plane.validate(examples, params=ASIDE)
    with pytest.raises(BeamFailed, match=SHARD):
        set_aside(examples, anomalies, broken, plane.out("rest"))
