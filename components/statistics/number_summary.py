"""What is kept of a series of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipline.components.statistics.bins import Bins
from slipline.components.statistics.moments import Moments
from slipline.components.statistics.sketches import QuantileSketch
from slipline.components.statistics.value_counts import ValueCounts


@dataclass(frozen=True, kw_only=True)
class NumberSummary(ValueCounts[float, QuantileSketch]):
    """All that is kept of a series of integers or of floating-point numbers; only finite ones, but for a count.

    Attributes:
      moments: Count, mean, spread and range.
      bins: Histogram.
    """

    moments: Moments = field(default_factory=Moments)
    bins: Bins = field(default_factory=Bins)

    @classmethod
    def of(cls, values: NDArray[Any]) -> NumberSummary:
        """The summary of integer or floating-point `values`."""
        if values.size == 0:
            return cls()
        finite = values if np.issubdtype(values.dtype, np.integer) else values[np.isfinite(values)] + 0.0  # -0.0 is 0.0
        found, counts = np.unique(finite, return_counts=True)
        counted = cls.of_counts(dict(zip(found.tolist(), counts.tolist(), strict=True)))
        return replace(counted, moments=Moments.of(values), bins=Bins.of(values))

    def merge(self, other: NumberSummary) -> NumberSummary:
        """The summary of both together."""
        counted = super().merge(other)
        return replace(counted, moments=self.moments.merge(other.moments), bins=self.bins.merge(other.bins))

    def quantiles(self, parts: int) -> list[float]:
        """The `parts` + 1 values that cut the sorted values into equally many, from the least to the greatest."""
        if self.moments.count == 0:
            return [0.0] * (parts + 1)
        if self.sketch is None:
            return exact_quantiles(self.counts or {}, parts)
        return [self.moments.minimum, *self.sketch.quantiles(parts)[1:-1], self.moments.maximum]

    @property
    def rank_error(self) -> float:
        """How far a quantile's rank may be off, as a share of all values, in 99 % of cases; 0 if they are exact."""
        return self.sketch.rank_error if self.sketch else 0.0

    def _more(self, counts: Mapping[float, int]) -> QuantileSketch:
        return QuantileSketch.of_counts(counts)


def exact_quantiles(counts: Mapping[Any, int], parts: int) -> list[float]:
    """The `parts` + 1 values that cut the sorted values into equally many, from the least to the greatest.

    Each is the least value that at least its share of the values do not exceed (NumPy's `inverted_cdf`).
    """
    values = sorted(counts)
    reached = np.cumsum([counts[value] for value in values], dtype=np.int64)
    total = int(reached[-1])
    ranks = [max(-(-part * total // parts), 1) for part in range(parts + 1)]
    return [float(values[place]) for place in np.searchsorted(reached, ranks).tolist()]
