"""What is kept of a slice's predictions: enough for every metric, and as small for a billion records."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from slipline.components.evaluation.cells import Cells, Numbers, Values
from slipline.components.statistics.merging import Merging

SMALLEST_PROBABILITY = 1e-7
"""Keras clips probabilities here, so that one wrong certainty does not make the mean infinite."""

SCORE_BINS = 256
"""Of equal width in log-odds, where the probabilities of a sure model lie apart; two in one bin count as a tie."""

CONFIDENCE_BINS = 15
"""Of equal width, as in Guo et al., On Calibration of Modern Neural Networks (ICML 2017)."""

_LARGEST_LOG_ODDS = float(np.log((1 - SMALLEST_PROBABILITY) / SMALLEST_PROBABILITY))


@dataclass(frozen=True, kw_only=True, eq=False)
class Tally(Merging):
    """The predictions of one slice, counted.

    Attributes:
      classes: How many classes there are.
      confusion: A cell for each true and predicted class: `true * classes + predicted`.
      losses: A cell for each bin of the true class's probability; the values are log losses in nats.
      scores: A cell for each class, whether it is the true one, and bin of its probability:
        `(class * 2 + is_true) * SCORE_BINS + bin`. Empty if not asked for.
      confidence: A cell for each bin of the predicted class's probability, and whether that is right:
        `bin * 2 + is_right`; the values are these probabilities.
    """

    classes: int
    confusion: Cells = field(default_factory=Cells)
    losses: Cells = field(default_factory=Cells)
    scores: Cells = field(default_factory=Cells)
    confidence: Cells = field(default_factory=Cells)

    @classmethod
    def of(cls, probabilities: NDArray[np.float32], labels: Numbers, *, ranked: bool = True) -> Tally:
        """The tally of records.

        Args:
          probabilities: float32 [records, classes].
          labels: int64 [records], each in [0, classes).
          ranked: Whether to count scores; they are of no use where all records have one label.
        """
        records, classes = probabilities.shape
        predicted = probabilities.argmax(axis=1)
        right = predicted == labels
        of_label = probabilities[np.arange(records), labels].astype(np.float64)
        confidence = probabilities[np.arange(records), predicted].astype(np.float64)
        return cls(
            classes=classes,
            confusion=Cells.of(labels * classes + predicted),
            losses=Cells.of(score_bins(of_label), log_losses(of_label)),
            scores=_scores(probabilities, labels) if ranked else Cells(),
            confidence=Cells.of(confidence_bins(confidence) * 2 + right, confidence),
        )

    def merge(self, other: Tally) -> Tally:
        """The tally of both together."""
        return replace(super().merge(other), classes=self.classes)

    @property
    def records(self) -> int:
        """How many records were counted."""
        return self.confusion.records


def log_losses(of_label: Values) -> Values:
    """-log(p) in nats, float64 [records], from the probability of each record's true class; NaN for NaN."""
    return np.asarray(-np.log(np.clip(of_label, SMALLEST_PROBABILITY, 1.0)))


def score_bins(probabilities: Values) -> Numbers:
    """The bin of each probability, int64 in [0, SCORE_BINS); the first for NaN, which no sound model answers."""
    inside = np.clip(np.nan_to_num(probabilities, nan=0.0), SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    share = (np.log(inside / (1 - inside)) / _LARGEST_LOG_ODDS + 1) / 2
    return np.asarray(np.clip(share * SCORE_BINS, 0, SCORE_BINS - 1), np.int64)


def confidence_bins(confidence: Values) -> Numbers:
    """The bin of each probability, int64 in [0, CONFIDENCE_BINS)."""
    share = np.nan_to_num(confidence, nan=0.0) * CONFIDENCE_BINS
    return np.asarray(np.clip(share, 0, CONFIDENCE_BINS - 1), np.int64)


def _scores(probabilities: NDArray[np.float32], labels: Numbers) -> Cells:
    classes = np.arange(probabilities.shape[1])
    is_true = labels[:, np.newaxis] == classes
    return Cells.of(((classes * 2 + is_true) * SCORE_BINS + score_bins(probabilities.astype(np.float64))).ravel())
