"""What is kept of a series of numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipline.components.statistics.bins import Bins
from slipline.components.statistics.distinct import DistinctSketch
from slipline.components.statistics.moments import Moments
from slipline.components.statistics.quantiles import QuantileSketch, exact_quantiles
from slipline.components.statistics.value_counts import MAX_DISTINCT, merged_counts


@dataclass(frozen=True)
class NumberSketches:
    """What is left of numbers of which there are too many different ones to count each.

    Attributes:
      ranks: Their quantiles.
      distinct: How many different ones there are.
    """

    ranks: QuantileSketch
    distinct: DistinctSketch

    def merge(self, other: NumberSketches) -> NumberSketches:
        """The sketches of both together."""
        return NumberSketches(self.ranks.merge(other.ranks), self.distinct.merge(other.distinct))


@dataclass(frozen=True)
class NumberSummary:
    """All that is kept of a series of integers or of floating-point numbers; only finite ones, but for a count.

    Attributes:
      moments: Count, mean, spread and range.
      bins: Histogram.
      counts: Occurrences of each value; None beyond `MAX_DISTINCT` different ones.
      sketches: Given just where `counts` is None.
    """

    moments: Moments = field(default_factory=Moments)
    bins: Bins = field(default_factory=Bins)
    counts: Mapping[float, int] | None = field(default_factory=dict)
    sketches: NumberSketches | None = None

    @classmethod
    def of(cls, values: NDArray[Any]) -> NumberSummary:
        """The summary of integer or floating-point `values`."""
        if values.size == 0:
            return cls()
        moments, bins = Moments.of(values), Bins.of(values)
        finite = values if np.issubdtype(values.dtype, np.integer) else values[np.isfinite(values)] + 0.0  # -0.0 is 0.0
        found, counts = np.unique(finite, return_counts=True)
        if found.size <= MAX_DISTINCT:
            return cls(moments, bins, dict(zip(found.tolist(), counts.tolist(), strict=True)))
        sketches = NumberSketches(QuantileSketch.of(finite), DistinctSketch.of(found.tolist()))
        return cls(moments, bins, None, sketches)

    def merge(self, other: NumberSummary) -> NumberSummary:
        """The summary of both together."""
        moments, bins = self.moments.merge(other.moments), self.bins.merge(other.bins)
        if self.counts is not None and other.counts is not None:
            counts = merged_counts(self.counts, other.counts)
            if len(counts) <= MAX_DISTINCT:
                return NumberSummary(moments, bins, counts)
            return NumberSummary(moments, bins, None, _sketched(counts))
        some, *more = (*self._sketched(), *other._sketched())
        return NumberSummary(moments, bins, None, some.merge(more[0]) if more else some)

    def quantiles(self, parts: int) -> list[float]:
        """The `parts` + 1 values that cut the sorted values into equally many, from the least to the greatest."""
        if self.moments.count == 0:
            return [0.0] * (parts + 1)
        if self.sketches is None:
            return exact_quantiles(self.counts or {}, parts)
        inner = self.sketches.ranks.quantiles(parts)[1:-1]
        return [self.moments.minimum, *inner, self.moments.maximum]

    @property
    def rank_error(self) -> float:
        """How far a quantile's rank may be off, as a share of all values, in 99 % of cases; 0 if they are exact."""
        return self.sketches.ranks.rank_error if self.sketches else 0.0

    @property
    def distinct(self) -> float:
        """How many different values there are, within `distinct_error`."""
        return self.sketches.distinct.estimate if self.sketches else len(self.counts or ())

    @property
    def distinct_error(self) -> float:
        """The relative standard error of `distinct`; 0 if it is exact."""
        return self.sketches.distinct.error if self.sketches else 0.0

    def _sketched(self) -> Iterator[NumberSketches]:
        if self.sketches:
            yield self.sketches
        elif self.counts:
            yield _sketched(self.counts)


def _sketched(counts: Mapping[float, int]) -> NumberSketches:
    return NumberSketches(QuantileSketch.of_counts(counts), DistinctSketch.of(counts))
