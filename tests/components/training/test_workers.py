"""A training shared by processes: the same model as that of one, and an end for all when one ends."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slipline.components.artifacts import Examples, TrainedModel
from slipline.components.errors import TrainingFailed
from slipline.components.steps.train import TrainParams
from slipline.components.training.cluster import VARIABLE, cluster_here
from tests.small_mnist import ROOT

PLAIN = TrainParams(
    network="tests.components.training_parts:plain",
    epochs=3,
    batch_size=50,
    seed=7,
    validation_fraction=0.1,
    clip_norm=1.0,
    schedule="cosine",
)
TOLERANCE = 1e-5
"""Of a weight: sums come in another order."""


def assert_alike(a: TrainedModel, b: TrainedModel) -> None:
    import keras

    assert (a.accuracy, a.validation_accuracy) == (b.accuracy, b.validation_accuracy)
    assert a.loss == pytest.approx(b.loss, rel=1e-5)
    weights = [keras.models.load_model(model.keras_path).get_weights() for model in (a, b)]
    for left, right in zip(*weights, strict=True):
        np.testing.assert_allclose(left, right, rtol=0, atol=TOLERANCE)


@pytest.mark.slow
def test_two_workers_of_which_one_is_killed_end_and_then_go_on_to_what_one_makes(
    digits: Examples, fit: Callable[..., TrainedModel]
) -> None:
    killed: list[int] = []

    def kill(line: str) -> None:
        if line.startswith("epoch 2/3") and not killed:
            victim = max(multiprocessing.active_children(), key=lambda process: process.pid or 0)
            killed.append(victim.pid or 0)
            victim.kill()

    shared = replace(PLAIN, workers=2)
    with pytest.raises(TrainingFailed, match=r"worker [01] of 2 ended \(killed by SIGKILL; .*Run again to carry on"):
        fit(digits, shared, "two", kill)
    assert killed
    assert multiprocessing.active_children() == []
    lines: list[str] = []
    two = fit(digits, shared, "two", lines.append)
    assert not [line for line in lines if line.startswith("epoch 1/")]
    assert two.device.startswith("2 workers, CPU")
    assert_alike(two, fit(digits, PLAIN))


@pytest.mark.slow
def test_a_helper_elsewhere_takes_part_in_the_training_of_a_cluster(
    digits: Examples, fit: Callable[..., TrainedModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = cluster_here(2)
    environment = {**os.environ, VARIABLE: cluster.tf_config(1), "SLIPLINE_HOME": str(tmp_path / "shared")}
    command = [sys.executable, "-m", "slipline.components.training.helper"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as helper:
        try:
            monkeypatch.setenv(VARIABLE, cluster.tf_config(0))
            together = fit(digits, PLAIN, "shared")
            assert not list((tmp_path / "shared" / "scratch" / "key").glob("call.json"))
        finally:
            helper.terminate()
        said = helper.stdout.read() if helper.stdout else ""
    assert "worker 1 of 2 takes part" in said
    monkeypatch.delenv(VARIABLE)
    assert_alike(together, fit(digits, PLAIN))


def test_a_pipeline_is_run_by_the_chief_alone(
    digits: Examples, fit: Callable[..., TrainedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, cluster_here(2).tf_config(1))
    with pytest.raises(
        TrainingFailed, match=r"by worker 0; here, run python -m slipline\.components\.training\.helper"
    ):
        fit(digits, PLAIN)
