import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slipline.components.artifacts import Examples, TrainedModel
from slipline.components.errors import TrainingFailed
from slipline.components.steps.train import TrainParams, train
from tests.small_mnist import MNIST_SCHEMA, examples_in

pytestmark = pytest.mark.slow  # real processes, or whole steps, for each test

TINY = TrainParams(network="tests.components.training_parts:tiny", epochs=3, batch_size=32, seed=7)


class Cut(BaseException):
    """Stands for a kill: nothing catches it."""


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    return examples_in(tmp_path_factory.mktemp("data"), train=500, test=100)


def fit(examples: Examples, params: TrainParams, folder: Path, cut_at: str | None = None) -> TrainedModel:
    def say(line: str) -> None:
        if cut_at is not None and line.startswith(cut_at):
            raise Cut

    out, scratch = folder / "out", folder / "scratch"
    out.mkdir(parents=True, exist_ok=True)
    scratch.mkdir(exist_ok=True)
    return train(examples, MNIST_SCHEMA, params, out, scratch, say)


def weights(model: TrainedModel) -> list[np.ndarray]:
    import keras

    loaded = keras.models.load_model(model.keras_path)
    return [*loaded.get_weights(), *(np.asarray(variable) for variable in loaded.optimizer.variables)]


def same(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return len(a) == len(b) and all(np.array_equal(left, right) for left, right in zip(a, b, strict=True))


def test_it_learns_and_says_how_well(examples: Examples, tmp_path: Path) -> None:
    model = fit(examples, TINY, tmp_path)
    history = json.loads(model.history_path.read_text())
    assert [line["epoch"] for line in history] == [1, 2, 3]
    assert history[-1]["loss"] < history[0]["loss"]
    assert (model.loss, model.accuracy) == (history[-1]["loss"], history[-1]["accuracy"])
    assert model.parameters == 784 * 32 + 32 + 32 * 10 + 10
    assert list((model.path / "tensorboard" / "train").glob("events.out.tfevents.*"))


def test_a_seed_gives_the_same_weights_bit_for_bit_and_another_seed_gives_others(
    examples: Examples, tmp_path: Path
) -> None:
    first = weights(fit(examples, TINY, tmp_path / "first"))
    assert same(first, weights(fit(examples, TINY, tmp_path / "again")))
    assert not same(first, weights(fit(examples, replace(TINY, seed=8), tmp_path / "other")))


def test_a_training_cut_in_its_second_epoch_goes_on_to_the_weights_of_an_undisturbed_one(
    examples: Examples, tmp_path: Path
) -> None:
    undisturbed = fit(examples, TINY, tmp_path / "undisturbed")
    with pytest.raises(Cut):
        fit(examples, TINY, tmp_path / "cut", cut_at="epoch 2/3")
    said: list[str] = []
    resumed = train(examples, MNIST_SCHEMA, TINY, tmp_path / "cut" / "out", tmp_path / "cut" / "scratch", said.append)
    assert not [line for line in said if line.startswith("epoch 1/3")]
    assert same(weights(resumed), weights(undisturbed))


def test_a_checkpoint_cut_short_by_a_power_cut_is_dropped_and_the_weights_are_the_same(
    examples: Examples, tmp_path: Path
) -> None:
    undisturbed = fit(examples, TINY, tmp_path / "undisturbed")
    with pytest.raises(Cut):
        fit(examples, TINY, tmp_path / "cut", cut_at="epoch 3/3")
    (kept,) = (tmp_path / "cut" / "scratch").glob("kept-2-0.npz")
    kept.write_bytes(kept.read_bytes()[:1000])
    assert same(weights(fit(examples, TINY, tmp_path / "cut")), weights(undisturbed))


def test_a_network_that_fails_is_named_with_what_it_said(examples: Examples, tmp_path: Path) -> None:
    params = replace(TINY, network="tests.components.training_parts:broken")
    with pytest.raises(TrainingFailed, match=r"training_parts:broken: failed for images of \(28, 28, 1\) .*division"):
        fit(examples, params, tmp_path)


def test_a_network_that_does_not_fit_the_schema_is_refused(examples: Examples, tmp_path: Path) -> None:
    params = replace(TINY, network="tests.components.training_parts:too_wide")
    with pytest.raises(TrainingFailed, match=r"wanted probabilities of shape \(None, 10\).* got \(None, 11\)"):
        fit(examples, params, tmp_path)


@pytest.mark.parametrize("network", ["no.such.module:f", "slipline.components.training.network:nothing"])
def test_a_network_that_is_not_there_is_named(examples: Examples, tmp_path: Path, network: str) -> None:
    with pytest.raises(TrainingFailed, match=rf"train.network={network}: .*name a function as package.module:function"):
        fit(examples, replace(TINY, network=network), tmp_path)


def test_a_loss_that_is_no_number_stops_the_training(examples: Examples, tmp_path: Path) -> None:
    with pytest.raises(
        TrainingFailed,
        match=r"epoch 1, step 2 of 16: the loss is nan, no longer a number, for each record alone; lower "
        r"train.learning_rate, now 1e\+38, or set train.clip_norm. The batch: train.tfrecord records \d+, .*\d+ \(",
    ):
        fit(examples, replace(TINY, learning_rate=1e38), tmp_path)


@pytest.mark.parametrize("setting", ["epochs", "batch_size", "learning_rate"])
def test_a_schedule_of_nothing_is_refused(setting: str) -> None:
    with pytest.raises(ValueError, match=f"{setting} must be greater than 0, got 0"):
        replace(TINY, **{setting: 0})


def test_a_network_with_a_train_step_of_its_own_is_refused(examples: Examples, tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed, match="has a train_step of its own, which is not called here"):
        fit(examples, replace(TINY, network="tests.components.training_parts:own_step"), tmp_path)


def test_what_is_held_out_is_measured_and_never_learnt_from(examples: Examples, tmp_path: Path) -> None:
    model = fit(examples, replace(TINY, epochs=1, validation_fraction=0.1), tmp_path)
    (line,) = json.loads(model.history_path.read_text())
    assert (model.records, model.validation_records) == (450, 50)
    assert model.validation_loss == line["validation_loss"] > 0
    assert model.validation_accuracy == line["validation_accuracy"] > 0


def test_a_network_that_could_not_be_read_back_is_refused_before_it_is_trained(
    examples: Examples, tmp_path: Path
) -> None:
    with pytest.raises(TrainingFailed, match=r"could not be read back from a file; give each class of your own the"):
        fit(examples, replace(TINY, network="tests.components.training_parts:unregistered"), tmp_path)
