from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from slipline.components.artifacts import Examples, TrainedModel
from slipline.components.steps.train import TrainParams, train
from slipline.pipeline.core.component import Say
from tests.small_mnist import MNIST_SCHEMA, examples_in

Fit = Callable[..., TrainedModel]


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    return examples_in(tmp_path_factory.mktemp("digits"), train=500, test=1)


@pytest.fixture
def fit(tmp_path: Path) -> Fit:
    """Trains in folders of its own, named; the same name goes on where the last call was cut."""

    def run(examples: Examples, params: TrainParams, name: str = "one", say: Say = print) -> TrainedModel:
        out, scratch = tmp_path / name / "out", tmp_path / name / "scratch" / "key"
        for folder in (out, scratch):
            folder.mkdir(parents=True, exist_ok=True)
        return train(examples, MNIST_SCHEMA, params, out, scratch, say)

    return run
