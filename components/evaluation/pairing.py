"""Two models on the same records, counted: whether they differ by more than chance."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from slipline.components.evaluation.cells import Cells, Numbers, Values
from slipline.components.evaluation.measures import mean_of
from slipline.components.evaluation.tally import log_losses
from slipline.components.statistics.merging import Merging

SMALLEST_RISE = 1e-5
BINS_PER_FACTOR_E = 16
"""Differences are binned by their size, those of some 6 % in one bin; each bin keeps their sum."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairing(Merging):
    """How the candidate and the live model did on the same records.

    Attributes:
      answers: A cell for each combination of who was right: `candidate_right * 2 + live_right`.
      rises: A cell for each bin of the candidate's log loss less the live one's; the values are these, in nats.
    """

    answers: Cells = field(default_factory=Cells)
    rises: Cells = field(default_factory=Cells)

    @classmethod
    def of(cls, candidate: NDArray[np.float32], live: NDArray[np.float32], labels: Numbers) -> Pairing:
        """The pairing of records.

        Args:
          candidate: float32 [records, classes].
          live: The same of the live model.
          labels: int64 [records].
        """
        rises = _losses(candidate, labels) - _losses(live, labels)
        size = np.nan_to_num(np.arcsinh(rises / SMALLEST_RISE))
        return cls(
            answers=Cells.of((candidate.argmax(axis=1) == labels) * 2 + (live.argmax(axis=1) == labels)),
            rises=Cells.of(np.round(size * BINS_PER_FACTOR_E).astype(np.int64), rises),
        )

    @property
    def only_live_right(self) -> int:
        """On how many records the live model was right and the candidate wrong."""
        return self._answers(1)

    @property
    def only_candidate_right(self) -> int:
        """On how many records the candidate was right and the live model wrong."""
        return self._answers(2)

    def _answers(self, cell: int) -> int:
        return int(self.answers.counts[self.answers.ids == cell].sum())

    @property
    def accuracy_p(self) -> float:
        """How probable it is that equally good models differ so far to the candidate's disadvantage.

        The exact one-sided McNemar test: of the records on which only one was right, each is the live one's with
        probability 1/2.
        """
        return upper_tail_of_fair_coin(self.only_live_right, self.only_live_right + self.only_candidate_right)

    def accuracy_changes(self, draws: Numbers) -> Values:
        """The candidate's accuracy less the live one's, float64 [samples], from draws of `answers`."""
        gain = (self.answers.ids == 2).astype(float) - (self.answers.ids == 1)
        return np.asarray(draws @ gain / draws.sum(axis=1))

    def loss_rises(self, draws: Numbers) -> Values:
        """The candidate's mean log loss less the live one's, float64 [samples], from draws of `rises`."""
        return mean_of(self.rises, draws)


def upper_tail_of_fair_coin(heads: int, tosses: int) -> float:
    """The probability of at least so many heads in so many tosses."""
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, tosses + 1)))])  # their logarithms
    from_here = np.arange(heads, tosses + 1)
    logs = factorials[tosses] - factorials[from_here] - factorials[tosses - from_here] - tosses * math.log(2)
    return min(1.0, float(np.exp(logs).sum()))


def no_rise_p(rises: Values) -> float:
    """The same of the mean log loss, by a paired bootstrap: the share of samples in which it does not rise.

    Args:
      rises: float64 [1 + resamples], the first as measured; a resample's share is counted with the measured one, so
        that it is never 0 (Davison and Hinkley, 1997, section 4.2).
    """
    if not rises[0] > 0:
        return 1.0
    return float((1 + np.count_nonzero(rises[1:] <= 0)) / len(rises))


def _losses(probabilities: NDArray[np.float32], labels: Numbers) -> Values:
    return log_losses(probabilities[np.arange(len(labels)), labels].astype(np.float64))
