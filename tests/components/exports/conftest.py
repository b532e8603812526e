"""One small trained model in every format, and digits to ask it about."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from slipline.components.artifacts import Examples, ServableModel, TrainedModel
from slipline.components.examples.examples_io import read_split
from slipline.components.exports.convert_settings import ConvertParams
from slipline.components.exports.formats import FORMATS
from slipline.components.features.schema_io import example_spec
from slipline.components.steps.convert import convert
from slipline.components.steps.export import ExportParams, export
from slipline.components.steps.train import TrainParams, train
from tests.small_mnist import MNIST_SCHEMA, examples_in


def folder(parent: Path, name: str) -> Path:
    made = parent / name
    made.mkdir()
    return made


def no_one(line: str) -> None:
    """Hears what a step says."""


@dataclass(frozen=True)
class Made:
    """What the steps made.

    Attributes:
      home: Where it all lies.
      examples: 1,500 digits to learn from, 200 to ask about.
      trained: The network.
      plain: The SavedModel alone.
      converted: With every format beside it.
    """

    home: Path
    examples: Examples
    trained: TrainedModel
    plain: ServableModel
    converted: ServableModel

    def file(self, name: str) -> Path:
        return self.converted.path / FORMATS[name].file

    def test_digits(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        batch = read_split(self.examples, "test", example_spec(MNIST_SCHEMA))
        return batch.images.astype(np.float32) / np.float32(255), batch.labels

    def again(self, out: Path, params: ConvertParams) -> ServableModel:
        return convert(self.trained, self.plain, self.examples, MNIST_SCHEMA, params, out, no_one)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    home = tmp_path_factory.mktemp("exports")
    examples = examples_in(home / "data", train=1_500, test=200)
    trained = train(
        examples, MNIST_SCHEMA, TrainParams(epochs=2, batch_size=50), folder(home, "a"), folder(home, "b"), no_one
    )
    plain = export(trained, MNIST_SCHEMA, ExportParams(), folder(home, "export"))
    every = ConvertParams(formats=tuple(FORMATS), min_agreement=0.95)
    out = folder(home, "convert")
    return Made(home, examples, trained, plain, convert(trained, plain, examples, MNIST_SCHEMA, every, out, no_one))


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The modules of TensorFlow.js and LiteRT.js, from the npm registry."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("wants Node and npm")
    home = tmp_path_factory.mktemp("npm")
    packages = ("@tensorflow/tfjs@4.22.0", "@litertjs/core@2.5.3")
    command = [npm, "install", "--no-audit", "--no-fund", "--prefix", home, *packages]
    if subprocess.run(command, check=False, capture_output=True, cwd=home).returncode:
        pytest.skip("the npm registry cannot be reached")
    return home / "node_modules"


def asked_in_node(node_modules: Path, kind: str, model: Path, images: NDArray[np.float32], work: Path) -> Any:
    """What TensorFlow.js answers, [N, classes]; `kind` is `layers` or `graph`."""
    images.tofile(work / "images.bin")
    script = Path(__file__).with_name("ask_tfjs.js")
    shape = json.dumps(images.shape)
    subprocess.run(
        ["node", script, node_modules, kind, model, "images.bin", shape, "answers.bin"], check=True, cwd=work
    )
    return np.fromfile(work / "answers.bin", np.float32).reshape(len(images), -1)
