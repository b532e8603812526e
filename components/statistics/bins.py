"""Histograms of numbers whose range is not known beforehand, and which merge exactly."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipline.components.statistics.merging import together

LEAST_EXPONENT = -1074
"""Of the smallest number above zero that a float can hold."""

MAX_BINS = 64


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
    def of(cls, values: NDArray[Any]) -> Bins:
        """The histogram of `values`; bins of integers are at least 1 wide."""
        finite = values[np.isfinite(values)].astype(np.float64)
        if finite.size == 0:
            return cls()
        # Finer than the last bit of the greatest value, nothing is left to tell apart, and bin numbers fit 53 bits.
        finest = max(math.frexp(float(np.abs(finite).max()))[1] - 53, LEAST_EXPONENT)
        exponent = 0 if np.issubdtype(values.dtype, np.integer) else finest
        places = np.floor(np.ldexp(finite, -exponent))
        places[(places == 0) & (finite < 0)] = -1  # a quotient too small for a float has become zero
        bins, counts = np.unique(places, return_counts=True)
        return _coarsened(exponent, dict(zip(map(int, bins.tolist()), counts.tolist(), strict=True)))

    def merge(self, other: Bins) -> Bins:
        """The histogram of both together."""
        if self.exponent is None or other.exponent is None:
            return other if self.exponent is None else self
        exponent = max(self.exponent, other.exponent)
        ours = _shifted(self.counts, exponent - self.exponent)
        return _coarsened(exponent, together(ours, _shifted(other.counts, exponent - other.exponent)))

    def __iter__(self) -> Iterator[Bin]:
        """Every bin from the least to the greatest value, empty ones too."""
        if self.exponent is not None:
            width = 2.0**self.exponent
            for place in range(min(self.counts), max(self.counts) + 1):
                yield Bin(low=place * width, high=(place + 1) * width, count=self.counts.get(place, 0))


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
