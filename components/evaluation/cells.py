"""Records counted in cells: all that most metrics need, small, and merged by adding up.

A metric that depends on the records only through such counts has its bootstrap in them, too: to draw as many records
with replacement is to draw the counts from a multinomial distribution (Efron and Tibshirani, 1993, chapter 6).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """The cells that hold a record, and how many.

    Attributes:
      ids: int64 [cells], rising: the number of each cell.
      counts: int64 [cells]: how many records are in it, at least 1.
      sums: float64 [cells]: the sum of the records' values in it.
    """

    ids: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))
    counts: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))
    sums: Values = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def of(cls, ids: Numbers, values: Values | None = None) -> Cells:
        """The cells of records.

        Args:
          ids: int64 [records]: the cell of each.
          values: float64 [records]; None for zeros.
        """
        found, inverse, counts = np.unique(ids, return_inverse=True, return_counts=True)
        sums = np.zeros(len(found)) if values is None else np.bincount(inverse, values, len(found))
        return cls(ids=found.astype(np.int64), counts=counts.astype(np.int64), sums=sums.astype(np.float64))

    def merge(self, other: Cells) -> Cells:
        """The cells of both together, in any order and grouping; their sums up to rounding."""
        ids, inverse = np.unique(np.concatenate([self.ids, other.ids]), return_inverse=True)
        counts = np.bincount(inverse, np.concatenate([self.counts, other.counts]), len(ids))
        sums = np.bincount(inverse, np.concatenate([self.sums, other.sums]), len(ids))
        return Cells(ids=ids, counts=counts.astype(np.int64), sums=sums.astype(np.float64))

    @property
    def records(self) -> int:
        """How many records are in all cells."""
        return int(self.counts.sum())

    @property
    def means(self) -> Values:
        """float64 [cells]: the mean value of the records in each."""
        return np.asarray(self.sums / self.counts)

    def among(self, chosen: NDArray[np.bool_]) -> Cells:
        """The cells that `chosen`, bool [cells], picks."""
        return Cells(ids=self.ids[chosen], counts=self.counts[chosen], sums=self.sums[chosen])

    def draws(self, resamples: int, rng: np.random.Generator) -> Numbers:
        """The counts, and below them those of samples of as many records, drawn with replacement.

        Args:
          resamples: How many samples.
          rng: Draws them.

        Returns:
          int64 [1 + resamples, cells]; the first row are the counts themselves.
        """
        if not self.records:
            return np.zeros((1 + resamples, 0), np.int64)
        drawn = rng.multinomial(self.records, self.counts / self.records, size=resamples)
        return np.concatenate([self.counts[np.newaxis], drawn])
