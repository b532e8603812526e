"""What outlives a kill, with a network that has nothing but variables."""

from types import SimpleNamespace

import numpy as np
import pytest

from slipline.components.training.epoch_history import Epoch, Progress
from slipline.components.training.keeping import keep, put, take_up, variables_of, weights_of

EPOCH = Epoch(epoch=1, loss=0.3, accuracy=0.9, learning_rate=0.1, seconds=2.0)
BEST = (np.float32([7, 8]),)


class Variable:
    def __init__(self, value):
        self.value = SimpleNamespace(numpy=lambda: self.now)
        self.now = np.asarray(value)

    def assign(self, value):
        if value.shape != self.now.shape:
            raise ValueError(f"{value.shape} is no {self.now.shape}")
        self.now = np.array(value)


def network(weights=(1.0, 2.0), speed=0.5):
    import ml_dtypes

    slot = Variable(np.array(speed, ml_dtypes.bfloat16))
    return SimpleNamespace(variables=[Variable(np.float32(weights))], optimizer=SimpleNamespace(variables=[slot]))


def values(model):
    return [variable.now.tolist() for variable in variables_of(model)]


def kept_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_was_kept_last_is_taken_up_with_the_optimizers_state(tmp_path):
    keep(network((1, 2), 0.25), BEST, Progress(history=(EPOCH,) * 9, steps=20), tmp_path)
    keep(network((3, 4), 0.75), BEST, Progress(history=(EPOCH,) * 10, steps=3), tmp_path)
    assert kept_in(tmp_path) == ["kept-10-3.npz"]
    model = network()
    progress, best = take_up(model, tmp_path, print)
    assert values(model) == [[3, 4], 0.75]
    assert progress == Progress(history=(EPOCH,) * 10, steps=3)
    assert [each.tolist() for each in best] == [[7, 8]]


def test_it_counts_only_once_it_is_on_disk(tmp_path, flushed):
    keep(network(), BEST, Progress(), tmp_path)
    (aside,) = flushed
    assert aside.path.parent == tmp_path
    assert aside.path.name != "kept-0-0.npz"
    assert aside.size_bytes == (tmp_path / "kept-0-0.npz").stat().st_size


def test_what_is_damaged_is_passed_over_for_what_was_kept_before(tmp_path):
    keep(network((1, 2)), BEST, Progress(steps=5), tmp_path)
    before = (tmp_path / "kept-0-5.npz").read_bytes()
    (tmp_path / "kept-0-10.npz").write_bytes(before[:-30])
    said = []
    model = network()
    progress, _ = take_up(model, tmp_path, said.append)
    assert (progress.steps, values(model)) == (5, [[1, 2], 0.5])
    assert said[0].startswith("kept-0-10.npz cannot be taken up")
    assert kept_in(tmp_path) == ["kept-0-5.npz"]


@pytest.mark.parametrize("kept", [network((1, 2, 3)), SimpleNamespace(variables=[], optimizer=network().optimizer)])
def test_what_another_network_left_changes_nothing(tmp_path, kept):
    keep(kept, BEST, Progress(steps=5), tmp_path)
    model = network((8, 9), 0.5)
    assert take_up(model, tmp_path, print) == (Progress(), ())
    assert values(model) == [[8, 9], 0.5]
    assert kept_in(tmp_path) == []


def test_weights_are_those_of_the_network_without_the_optimizer():
    model = network((1, 2))
    (weights,) = weights_of(model)
    assert weights.tolist() == [1, 2]
    put(model.variables, [np.float32([5, 6])])
    assert weights_of(model)[0].tolist() == [5, 6]
