import time
from types import SimpleNamespace

import numpy as np
import pytest

from slipline.components.exports.keras_files import KerasNetwork
from slipline.components.exports.parity import BATCH_SIZE, Asked, latency_ms, parity_of


def test_many_images_are_asked_about_a_few_at_a_time_and_in_order():
    sizes = []

    def predict(images):
        sizes.append(len(images))
        return images * 2

    images = np.arange(2 * BATCH_SIZE + 1, dtype=np.float32)[:, np.newaxis]
    assert np.array_equal(Asked(images).answers(predict), images * 2)
    assert sizes == [BATCH_SIZE, BATCH_SIZE, 1]


class Network:
    """In place of a Keras model: layers of that name, one weight, and how often it was asked."""

    def __init__(self, name, weight, calls):
        self.name, self.calls = name, calls
        self.weights = [SimpleNamespace(value=SimpleNamespace(numpy=lambda: np.float32(weight)))]

    def to_json(self):
        return self.name

    def predict_on_batch(self, images):
        self.calls.append(self.name)
        return images * self.weights[0].value.numpy()


def test_the_same_network_read_from_two_files_is_asked_once():
    calls, asked = [], Asked(np.ones((1, 1), np.float32))
    answers = [asked.answers(KerasNetwork(Network("a", 2, calls))) for _ in range(2)]
    assert answers[0].tolist() == answers[1].tolist() == [[2]]
    assert calls == ["a"]


def test_a_network_of_other_weights_or_layers_is_asked_itself():
    calls, asked = [], Asked(np.ones((1, 1), np.float32))
    networks = [Network("a", 2, calls), Network("a", 3, calls), Network("b", 2, calls)]
    assert [asked.answers(KerasNetwork(each)).tolist() for each in networks] == [[[2]], [[3]], [[2]]]
    assert calls == ["a", "a", "b"]


@pytest.mark.parametrize(
    ("given", "wanted", "parity"),
    [
        ([[0.25, 0.75]], [[0.25, 0.75]], (1.0, 0.0)),
        ([[0.5, 0.5], [1, 0]], [[0.25, 0.75], [0.75, 0.25]], (0.5, 0.25)),
        ([[0, 1], [0, 1], [1, 0]], [[1, 0], [0, 1], [1, 0]], (2 / 3, 1.0)),
    ],
)
def test_parity_is_how_often_both_say_the_same_and_how_far_they_are_at_most(given, wanted, parity):
    assert parity_of(np.float32(given), np.float32(wanted)) == parity


def test_no_number_is_no_parity():
    assert np.isnan(parity_of(np.float32([[np.nan, 1]]), np.float32([[0, 1]]))[1])
    with pytest.raises(ValueError, match=r"wanted probabilities of shape \(1, 2\), got \(2, 2\)"):
        parity_of(np.zeros((2, 2), np.float32), np.zeros((1, 2), np.float32))


def test_latency_is_the_median_without_the_first_calls():
    calls = []

    def predict(images):
        calls.append(len(images))
        time.sleep(0.1 if len(calls) <= 3 else 0.002)
        return images

    assert 2.0 <= latency_ms(predict, np.zeros((1, 2), np.float32)) < 90.0
    assert calls == [1] * 28
