"""How near two models' answers to the same images are."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from slipline.components.exports.source import Images, Predict, Probabilities

BATCH_SIZE = 500
WARM_UP_CALLS, TIMED_CALLS = 3, 25


@dataclass(frozen=True, kw_only=True)
class Parity:
    """How near.

    Attributes:
      agreement: Share of the images for which both hold the same class for the likeliest, in 0..1.
      largest_difference: Of any two probabilities of one class for one image; NaN if one is no number.
    """

    agreement: float
    largest_difference: float


def answers(predict: Predict, images: Images) -> Probabilities:
    """What a model says of many images, asked a few at a time."""
    parts = range(0, len(images), BATCH_SIZE)
    return np.concatenate([predict(images[at : at + BATCH_SIZE]) for at in parts])


def parity_of(given: Probabilities, wanted: Probabilities) -> Parity:
    """How near `given` is to `wanted`, both [N, classes].

    Raises:
      ValueError: They are not of one shape.
    """
    if given.shape != wanted.shape:
        raise ValueError(f"wanted probabilities of shape {wanted.shape}, got {given.shape}")
    return Parity(
        agreement=float(np.mean(given.argmax(axis=1) == wanted.argmax(axis=1))),
        largest_difference=float(np.abs(given - wanted).max()),
    )


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
