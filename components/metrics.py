"""How good predictions are, from probabilities and labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.artifacts import SliceMetrics

SMALLEST_PROBABILITY = 1e-7
"""Keras clips probabilities here, so that one wrong certainty does not make the mean infinite."""


def measure(name: str, probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> SliceMetrics:
    """The metrics of one slice.

    Args:
      name: What the slice holds.
      probabilities: float32 [N, classes], N at least 1.
      labels: int64 [N], each in [0, classes).

    Returns:
      Accuracy and mean log loss over the N records.
    """
    of_label = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return SliceMetrics(
        name=name,
        records=len(labels),
        accuracy=float(np.mean(probabilities.argmax(axis=1) == labels)),
        log_loss=float(-np.mean(np.log(np.clip(of_label, SMALLEST_PROBABILITY, 1.0)))),
    )


def measure_by_label(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[SliceMetrics, ...]:
    """The metrics of the records of each label that occurs, by label."""
    return tuple(
        measure(f"label {label}", probabilities[labels == label], labels[labels == label])
        for label in np.unique(labels)
    )
