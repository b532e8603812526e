"""What settings make of a training, in small trainings."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slipline.components.artifacts import Examples, TrainedModel
from slipline.components.steps.train import TrainParams
from slipline.components.training.train_settings import OPTIMIZERS, PRECISIONS, WITH_MOMENTUM
from tests.small_mnist import MNIST_SCHEMA, ROOT

OWN = TrainParams(network="tests.components.training_parts:own_layer", epochs=2, batch_size=50, seed=7)

pytestmark = pytest.mark.slow


class Cut(BaseException):
    """Stands for a kill: nothing catches it."""


def cut(line: str) -> None:
    if line.startswith("epoch 2/"):
        raise Cut


def weights(model: TrainedModel) -> list[np.ndarray]:
    import keras

    loaded = keras.models.load_model(model.keras_path)
    variables = [*loaded.weights, *loaded.optimizer.variables]
    return [keras.ops.convert_to_numpy(variable) for variable in variables]


def history(model: TrainedModel) -> list[dict[str, float]]:
    return list(json.loads(model.history_path.read_text()))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_what_is_trained_in_any_precision_resumes_bit_for_bit_and_comes_out_in_float32(
    digits: Examples, fit: Callable[..., TrainedModel], precision: str
) -> None:
    import keras

    params = replace(OWN, precision=precision, clip_norm=1.0)
    with pytest.raises(Cut):
        fit(digits, params, "cut", cut)
    resumed, undisturbed = fit(digits, params, "cut"), fit(digits, params)
    assert all(np.array_equal(a, b) for a, b in zip(weights(resumed), weights(undisturbed), strict=True))
    model = keras.models.load_model(undisturbed.keras_path)
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert history(undisturbed)[-1]["loss"] < history(undisturbed)[0]["loss"]


@pytest.mark.parametrize("optimizer", ["sgd", "lion", "adamw"])
def test_an_optimizer_learns_with_weight_decay_and_where_it_has_it_momentum(
    digits: Examples, fit: Callable[..., TrainedModel], optimizer: str
) -> None:
    assert optimizer in OPTIMIZERS
    momentum = 0.9 if optimizer in WITH_MOMENTUM else 0.0
    params = replace(OWN, optimizer=optimizer, weight_decay=0.01, momentum=momentum, learning_rate=0.002, epochs=3)
    model = fit(digits, params)
    lines = history(model)
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert (model.optimizer.lower(), model.epochs, model.stopped_early) == (params.optimizer, params.epochs, False)


def test_early_stopping_keeps_the_best_epochs_weights(digits: Examples, fit: Callable[..., TrainedModel]) -> None:
    params = replace(OWN, epochs=40, learning_rate=0.02, validation_fraction=0.2, stop_after_epochs=2)
    model = fit(digits, params)
    lines = history(model)
    losses = [line["validation_loss"] for line in lines]
    assert model.epoch == int(np.argmin(losses)) + 1 == len(lines) - 2 < 38
    assert model.validation_loss == min(losses)
    assert (model.epochs, model.stopped_early, model.split) == (len(lines), True, "train")
    same_without_stop = fit(
        digits, replace(OWN, epochs=model.epoch, learning_rate=0.02, validation_fraction=0.2), "short"
    )
    import keras

    kept, wanted = (keras.models.load_model(each.keras_path).get_weights() for each in (model, same_without_stop))
    assert all(np.array_equal(a, b) for a, b in zip(kept, wanted, strict=True))


def test_tensorboard_reads_epochs_and_steps_of_a_resumed_training_once_each(
    digits: Examples, fit: Callable[..., TrainedModel]
) -> None:
    from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
    from tensorboard.util.tensor_util import make_ndarray

    params = replace(OWN, epochs=3, validation_fraction=0.2, schedule="exponential")
    with pytest.raises(Cut):
        fit(digits, params, "cut", cut)
    model = fit(digits, params, "cut")
    runs = EventMultiplexer().AddRunsFromDirectory(str(model.path / "tensorboard")).Reload()
    assert set(runs.Runs()) == {"train", "validation"}

    def values(run: str, tag: str) -> list[tuple[int, float]]:
        return [(event.step, float(make_ndarray(event.tensor_proto))) for event in runs.Tensors(run, tag)]

    for run, tag, key in (
        ("train", "epoch_loss", "loss"),
        ("train", "epoch_accuracy", "accuracy"),
        ("train", "epoch_learning_rate", "learning_rate"),
        ("validation", "epoch_loss", "validation_loss"),
        ("validation", "epoch_accuracy", "validation_accuracy"),
    ):
        assert values(run, tag) == [(i, pytest.approx(line[key])) for i, line in enumerate(history(model))], tag
    assert [step for step, _ in values("train", "batch_loss")] == [0, 8, 16]
    assert values("train", "batch_learning_rate")[0][1] == pytest.approx(0.001)
    assert values("train", "epoch_learning_rate")[-1][1] == pytest.approx(0.001 * params.final_share)


def test_a_layer_of_ones_own_is_read_back_by_a_process_that_knows_its_module(
    digits: Examples, fit: Callable[..., TrainedModel], tmp_path: Path
) -> None:
    model = fit(digits, replace(OWN, network="tests.components.training.own_network:scaled"))
    code = f"""
from pathlib import Path
from slipline.components.steps.export import ExportParams, export
from slipline.components.artifacts import Schema, TrainedModel
model = TrainedModel(
    path=Path({str(model.path)!r}), records=1, parameters=1, loss=0.0, accuracy=0.0, network={model.network!r}
)
out = Path({str(tmp_path / "saved")!r})
export(model, Schema(path=Path({str(MNIST_SCHEMA.path)!r})), ExportParams(), out)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    assert (tmp_path / "saved" / "saved_model.pb").is_file()


def test_a_batch_is_the_same_however_many_workers_share_it(digits: Examples) -> None:
    from hypothesis import given, settings
    from hypothesis import strategies as st

    from slipline.components.features.schema_io import example_spec
    from slipline.components.training.arrays import read_arrays
    from slipline.components.training.batches import Batches
    from slipline.components.training.train_settings import AugmentParams

    augment = AugmentParams(shift_pixels=2.0, noise=0.1, flip=True)
    spec = example_spec(MNIST_SCHEMA)

    @settings(max_examples=8, deadline=None)
    @given(st.integers(5, 120), st.integers(1, 5), st.integers(0, 3))
    def holds(size: int, workers: int, epoch: int) -> None:
        params = replace(OWN, batch_size=size, augment=augment, validation_fraction=0.1)
        batches = Batches(read_arrays(digits, params, spec), params)
        first = batches.steps - min(2, batches.steps)
        whole = list(batches.share(epoch, first, 0, 1))
        shares = [list(batches.share(epoch, first, worker, workers)) for worker in range(workers)]
        for step, (images, labels, weights) in enumerate(whole):
            assert math.isclose(float(sum(weights)), 1.0, rel_tol=1e-5)
            parts = [shares[worker][step] for worker in range(workers)]
            counted = [part[2].numpy() > 0 for part in parts]
            assert sorted(labels.numpy().tolist()) == sorted(
                label for part, real in zip(parts, counted, strict=True) for label in part[1].numpy()[real].tolist()
            )
            for worker, (part, real) in enumerate(zip(parts, counted, strict=True)):
                np.testing.assert_array_equal(part[0].numpy()[real], images.numpy()[worker::workers])

    holds()
