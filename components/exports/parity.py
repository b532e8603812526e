"""How near two models' answers to the same images are."""

from __future__ import annotations

import time

import numpy as np

from slipline.components.exports.keras_files import KerasNetwork
from slipline.components.exports.source import Images, Predict, Probabilities

BATCH_SIZE = 250
"""What flows through the layers for more digits is given back to the system after each call: a third of the time."""

WARM_UP_CALLS, TIMED_CALLS = 3, 25


class Asked:
    """Images, and what models say of them, asked about a few at a time.

    Attributes:
      images: [N, height, width, channels].
    """

    def __init__(self, images: Images) -> None:
        self.images = images
        self._said: dict[str, Probabilities] = {}

    def answers(self, predict: Predict) -> Probabilities:
        """What a model says; a network that was asked before, kept in another format then, is not asked again."""
        if not isinstance(predict, KerasNetwork):
            return self._asked(predict)
        network = predict.digest()
        if network not in self._said:
            self._said[network] = self._asked(predict)
        return self._said[network]

    def _asked(self, predict: Predict) -> Probabilities:
        parts = range(0, len(self.images), BATCH_SIZE)
        return np.concatenate([predict(self.images[at : at + BATCH_SIZE]) for at in parts])


def parity_of(given: Probabilities, wanted: Probabilities) -> tuple[float, float]:
    """How near `given` is to `wanted`, both [N, classes].

    Returns:
      The share of the images for which both hold the same class for the likeliest, in 0..1, and the largest difference
      of any two probabilities of one class for one image; NaN if one is no number.

    Raises:
      ValueError: They are not of one shape.
    """
    if given.shape != wanted.shape:
        raise ValueError(f"wanted probabilities of shape {wanted.shape}, got {given.shape}")
    return float(np.mean(given.argmax(axis=1) == wanted.argmax(axis=1))), float(np.abs(given - wanted).max())


def latency_ms(predict: Predict, image: Images) -> float:
    """Median time for one image, in milliseconds; the first calls, in which runtimes prepare themselves, left out.

    Args:
      predict: The model.
      image: [1, height, width, channels].
    """
    times = []
    for _ in range(WARM_UP_CALLS + TIMED_CALLS):
        started = time.perf_counter()
        predict(image)
        times.append(time.perf_counter() - started)
    return float(np.median(times[WARM_UP_CALLS:])) * 1e3
