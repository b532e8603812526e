"""Real data in small: TFRecord files written into a folder, and the data plane's steps run on it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from slipline.components.artifacts import Anomalies, Baseline, Examples, Schema, Statistics
from slipline.components.beam.beam_options import BeamSettings
from slipline.components.examples.example_records import encode_example
from slipline.components.files.tfrecord_files import write_records
from slipline.components.steps.compute_statistics import compute_statistics
from slipline.components.steps.ingest import IngestParams, ingest
from slipline.components.steps.validate import validate
from slipline.components.validation.validate_settings import ValidateParams

STOP = ValidateParams()
NO_BASELINE = Baseline(path=Path("no baseline"))
MNIST_SCHEMA = Schema(path=Path(__file__).parents[2] / "data/schema/mnist.pbtxt")


@dataclass(frozen=True)
class DataPlane:
    """A folder of source files, and each step run into a folder of its own."""

    home: Path

    @property
    def source(self) -> Path:
        return self.home / "source"

    def write(self, split: str, records: Sequence[bytes], name: str = "digits.tfrecord") -> Path:
        file = self.source / split / name
        file.parent.mkdir(parents=True, exist_ok=True)
        write_records(file, records)
        return file

    def ingest(self, *splits: str) -> Examples:
        params = IngestParams(folder=self.source, splits=splits or ("train",))
        return ingest(params, BeamSettings(), self.out("ingest"), lambda line: None)

    def statistics(self, examples: Examples) -> Statistics:
        return compute_statistics(examples, BeamSettings(), self.out("statistics"))

    def validate(
        self,
        examples: Examples,
        schema: Schema = MNIST_SCHEMA,
        *,
        params: ValidateParams = STOP,
        baseline: Baseline = NO_BASELINE,
    ) -> Anomalies:
        statistics = self.statistics(examples)
        return validate(examples, statistics, baseline, schema, params, BeamSettings(), self.out("validate"))

    def out(self, step: str) -> Path:
        folder = self.home / step
        folder.mkdir()
        return folder


@pytest.fixture
def plane(tmp_path):
    return DataPlane(tmp_path)


def _png(height: int = 28, width: int = 28, *, value: int = 7) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((height, width), value, np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def png():
    """Makes a grey PNG image of one value: `png(height, width, value=...)`."""
    return _png


@pytest.fixture
def digits():
    """Ten good examples: labels 0 to 9, each image as bright as its label."""
    return [encode_example(_png(value=label), label) for label in range(10)]
