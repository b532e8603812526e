"""Summaries of values that merge: in any order and grouping they end the same, floating-point sums up to rounding.

Each has `of` (the summary of some values) and `merge`; the default is the summary of no values. None depends on Beam.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[Any]

LEAST_EXPONENT = -1074
"""Of the smallest number above zero that a float can hold."""

MAX_BINS = 64
MAX_DISTINCT = 1_000


@dataclass(frozen=True)
class Moments:
    """Count, mean, spread and range of finite numbers.

    Attributes:
      count: Finite values.
      mean: Their mean; 0 if there are none.
      m2: Sum of their squared distances from the mean.
      minimum: The least; infinity if there are none.
      maximum: The greatest; minus infinity if there are none.
      zeros: Values equal to 0.
      not_finite: NaN and infinite values, which enter nothing else.
    """

    count: int = 0
    mean: float = 0.0
    m2: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf
    zeros: int = 0
    not_finite: int = 0

    @classmethod
    def of(cls, values: Numbers) -> Moments:
        """The moments of `values`, of any shape."""
        finite = values[np.isfinite(values)].astype(np.float64)
        not_finite = values.size - finite.size
        if finite.size == 0:
            return cls(not_finite=not_finite)
        mean = float(finite.mean())
        return cls(
            count=finite.size,
            mean=mean,
            m2=float(np.square(finite - mean).sum()),
            minimum=float(finite.min()),
            maximum=float(finite.max()),
            zeros=int(finite.size - np.count_nonzero(finite)),
            not_finite=not_finite,
        )

    def merge(self, other: Moments) -> Moments:
        """The moments of both together."""
        count = self.count + other.count
        share = other.count / count if count else 0.0
        gap = other.mean - self.mean
        return Moments(
            count=count,
            mean=self.mean + gap * share,
            m2=self.m2 + other.m2 + gap * gap * self.count * share,
            minimum=min(self.minimum, other.minimum),
            maximum=max(self.maximum, other.maximum),
            zeros=self.zeros + other.zeros,
            not_finite=self.not_finite + other.not_finite,
        )

    @property
    def total(self) -> float:
        """The sum of the values."""
        return self.mean * self.count

    @property
    def std_dev(self) -> float:
        """The population's standard deviation; 0 if there are no values."""
        return math.sqrt(self.m2 / self.count) if self.count else 0.0


@dataclass(frozen=True)
class Bin:
    """Values from `low` up to, not including, `high`."""

    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Bins:
    """A histogram of finite numbers whose bins start at multiples of a power of two.

    The width follows from the least and the greatest value alone, and a wider bin is two narrower ones: so histograms
    merge exactly, without a range fixed beforehand.

    Attributes:
      exponent: A bin is 2**exponent wide; the least that needs at most `MAX_BINS` bins. None if there are no values.
      counts: Values in each bin, by the bin's start in bin widths; empty bins are left out.
    """

    exponent: int | None = None
    counts: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Numbers) -> Bins:
        """The histogram of `values`; bins of integers are at least 1 wide."""
        finite = values[np.isfinite(values)].astype(np.float64)
        if finite.size == 0:
            return cls()
        exponent = 0 if np.issubdtype(values.dtype, np.integer) else _finest_exponent(finite)
        places = np.floor(np.ldexp(finite, -exponent))
        places[(places == 0) & (finite < 0)] = -1  # a quotient too small for a float has become zero
        bins, counts = np.unique(places, return_counts=True)
        return _coarsened(exponent, dict(zip(map(int, bins.tolist()), counts.tolist(), strict=True)))

    def merge(self, other: Bins) -> Bins:
        """The histogram of both together."""
        if self.exponent is None or other.exponent is None:
            return other if self.exponent is None else self
        exponent = max(self.exponent, other.exponent)
        counts = dict(_shifted(self.counts, exponent - self.exponent))
        for place, count in _shifted(other.counts, exponent - other.exponent).items():
            counts[place] = counts.get(place, 0) + count
        return _coarsened(exponent, counts)

    def __iter__(self) -> Iterator[Bin]:
        """Every bin from the least to the greatest value, empty ones too."""
        if self.exponent is not None:
            width = 2.0**self.exponent
            for place in range(min(self.counts), max(self.counts) + 1):
                yield Bin(low=place * width, high=(place + 1) * width, count=self.counts.get(place, 0))

    @property
    def median(self) -> float:
        """Where half of the values are passed, their bin taken as evenly filled; 0 if there are none."""
        half = sum(self.counts.values()) / 2
        for each in self:
            if each.count and each.count >= half:
                return each.low + (each.high - each.low) * half / each.count
            half -= each.count
        return 0.0


def _finest_exponent(finite: NDArray[np.float64]) -> int:
    # Finer than the last bit of the greatest value, nothing is left to tell apart, and bin numbers fit 53 bits.
    return max(math.frexp(float(np.abs(finite).max()))[1] - 53, LEAST_EXPONENT)


def _coarsened(exponent: int, counts: Mapping[int, int]) -> Bins:
    least, greatest = min(counts), max(counts)
    step = 0
    while (greatest >> step) - (least >> step) >= MAX_BINS:
        step += 1
    return Bins(exponent + step, _shifted(counts, step))


def _shifted(counts: Mapping[int, int], step: int) -> Mapping[int, int]:
    if step == 0:
        return counts
    wider: dict[int, int] = {}
    for place, count in counts.items():
        wider[place >> step] = wider.get(place >> step, 0) + count
    return wider


@dataclass(frozen=True)
class ValueCounts:
    """How often each value occurs, as long as there are few different ones.

    Attributes:
      counts: Occurrences by value; None beyond `MAX_DISTINCT` different values.
    """

    counts: Mapping[int, int] | None = field(default_factory=dict)

    @classmethod
    def of(cls, values: Numbers) -> ValueCounts:
        """The counts of integer `values`."""
        found, counts = np.unique(values, return_counts=True)
        return cls(dict(zip(found.tolist(), counts.tolist(), strict=True)) if found.size <= MAX_DISTINCT else None)

    def merge(self, other: ValueCounts) -> ValueCounts:
        """The counts of both together."""
        if self.counts is None or other.counts is None:
            return ValueCounts(None)
        merged = dict(self.counts)
        for value, count in other.counts.items():
            merged[value] = merged.get(value, 0) + count
        return ValueCounts(merged if len(merged) <= MAX_DISTINCT else None)


@dataclass(frozen=True)
class PixelCounts:
    """How many pixels have each of the 256 values; exact, and everything else about them follows from it.

    Attributes:
      counts: int64 of shape [256].
    """

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))

    @classmethod
    def of(cls, pixels: NDArray[np.uint8]) -> PixelCounts:
        """The counts of uint8 `pixels`, of any shape."""
        return cls(np.bincount(pixels.ravel(), minlength=256).astype(np.int64))

    def merge(self, other: PixelCounts) -> PixelCounts:
        """The counts of both together."""
        return PixelCounts(self.counts + other.counts)

    @property
    def moments(self) -> Moments:
        """Count, mean, spread and range of the pixels."""
        count = int(self.counts.sum())
        if count == 0:
            return Moments()
        values = np.arange(256)
        present = np.flatnonzero(self.counts)
        mean = float(self.counts @ values) / count
        return Moments(
            count=count,
            mean=mean,
            m2=float(self.counts @ np.square(values - mean)),
            minimum=float(present[0]),
            maximum=float(present[-1]),
            zeros=int(self.counts[0]),
        )


@dataclass(frozen=True)
class NumberSummary:
    """All that is kept of a series of numbers.

    Attributes:
      moments: Count, mean, spread and range.
      bins: Histogram.
      values: Occurrences of each value; None inside for floats, which are not counted one by one.
    """

    moments: Moments = field(default_factory=Moments)
    bins: Bins = field(default_factory=Bins)
    values: ValueCounts = field(default_factory=ValueCounts)

    @classmethod
    def of(cls, values: Numbers) -> NumberSummary:
        """The summary of integer or floating-point `values`."""
        whole = values.size == 0 or np.issubdtype(values.dtype, np.integer)
        return cls(Moments.of(values), Bins.of(values), ValueCounts.of(values) if whole else ValueCounts(None))

    @property
    def median(self) -> float:
        """The middle value, exact if the values are counted one by one, else to within a bin."""
        left = (self.moments.count - 1) // 2
        for value, count in sorted((self.values.counts or {}).items()):
            if left < count:
                return value
            left -= count
        return self.bins.median

    def merge(self, other: NumberSummary) -> NumberSummary:
        """The summary of both together."""
        return NumberSummary(
            self.moments.merge(other.moments), self.bins.merge(other.bins), self.values.merge(other.values)
        )
