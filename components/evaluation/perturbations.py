"""Images as a model may meet them but did not learn from: shifted, rotated, noisy, blurred, inverted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from slipline.components.evaluation.evaluate_settings import ROBUSTNESS_KINDS, RobustnessParams

Images = NDArray[np.float32]
"""[images, height, width, channels], in 0..1."""

Rngs = Iterator[np.random.Generator]
"""One for each image, made when it is asked for."""


def perturbed(kind: str, images: Images, records: NDArray[np.int64], severity: RobustnessParams) -> Images:
    """The images changed as `kind` says.

    What chance decides depends on the seed, the kind and the record's number alone, so that any worker, with whatever
    other records beside it, changes a record alike.

    Args:
      kind: One of `ROBUSTNESS_KINDS`.
      images: float32 [images, height, width, channels], in 0..1.
      records: int64 [images]: the number of each in its split.
      severity: How far the changes go, and the seed of what chance decides.

    Returns:
      New images of the same shape, in 0..1.
    """
    number = ROBUSTNESS_KINDS.index(kind)
    rngs = (np.random.default_rng((severity.seed, number, int(record))) for record in records)
    return np.asarray(_CHANGES[kind](images, rngs, severity), np.float32)


def _shifted(images: Images, rngs: Rngs, severity: RobustnessParams) -> Images:
    height, width = images.shape[1:3]
    moves = np.array([rng.uniform(-severity.shift, severity.shift, 2) for rng in rngs]).reshape(-1, 2)
    rows, columns = np.mgrid[:height, :width].astype(float)
    steps = np.round(moves * (height, width))[:, :, np.newaxis, np.newaxis]
    return _sampled(images, rows - steps[:, 0], columns - steps[:, 1])


def _rotated(images: Images, rngs: Rngs, severity: RobustnessParams) -> Images:
    height, width = images.shape[1:3]
    angles = np.radians([rng.uniform(-severity.rotation_degrees, severity.rotation_degrees) for rng in rngs])
    cosine, sine = (of(angles)[:, np.newaxis, np.newaxis] for of in (np.cos, np.sin))
    middle = (height - 1) / 2, (width - 1) / 2
    rows, columns = np.mgrid[:height, :width].astype(float)
    down, right = rows - middle[0], columns - middle[1]
    return _sampled(images, middle[0] + cosine * down - sine * right, middle[1] + sine * down + cosine * right)


def _noisy(images: Images, rngs: Rngs, severity: RobustnessParams) -> Images:
    noise = [rng.standard_normal(images.shape[1:], np.float32) for rng in rngs]
    return np.clip(images + severity.noise * np.array(noise, np.float32).reshape(images.shape), 0, 1)


def _blurred(images: Images, rngs: Rngs, severity: RobustnessParams) -> Images:
    for axis in (1, 2):
        deviation = severity.blur * images.shape[axis]
        reach = int(np.ceil(3 * deviation))
        weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
        images = _convolved(images, weights / weights.sum(), axis)
    return images


def _convolved(images: Images, weights: NDArray[np.float64], axis: int) -> Images:
    side, reach = images.shape[axis], len(weights) // 2
    padding = [(reach, reach) if number == axis else (0, 0) for number in range(4)]
    padded = np.pad(images, padding, mode="edge")
    parts = (weight * np.take(padded, range(start, start + side), axis) for start, weight in enumerate(weights))
    return np.asarray(sum(parts), np.float32)


def _inverted(images: Images, rngs: Rngs, severity: RobustnessParams) -> Images:
    return np.asarray(1 - images, np.float32)


_CHANGES: Mapping[str, Callable[[Images, Rngs, RobustnessParams], Images]] = {
    "shifted": _shifted,
    "rotated": _rotated,
    "noisy": _noisy,
    "blurred": _blurred,
    "inverted": _inverted,
}


def _sampled(images: Images, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> Images:
    """The images read at places between their pixels, float64 [images, height, width]; the edge goes on outside."""
    height, width = images.shape[1:3]
    rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    bottom, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    down, across = (rows - top)[..., np.newaxis], (columns - left)[..., np.newaxis]
    each = np.arange(len(images))[:, np.newaxis, np.newaxis]
    upper = images[each, top, left] * (1 - across) + images[each, top, right] * across
    lower = images[each, bottom, left] * (1 - across) + images[each, bottom, right] * across
    return np.asarray(upper * (1 - down) + lower * down, np.float32)
