"""Count, mean, spread and range of numbers, merged in any order and grouping: the same to the last bit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

NONE = Fraction(0)


@dataclass(frozen=True)
class Moments:
    """Count, mean, spread and range of finite numbers.

    Sums are kept as fractions, which add without rounding: so a runner that merges in another order gets the same.

    Attributes:
      count: Finite values.
      total: Their sum.
      squares: The sum of their squares.
      minimum: The least; infinity if there are none.
      maximum: The greatest; minus infinity if there are none.
      zeros: Values equal to 0.
      not_finite: NaN and infinite values, which enter nothing else.
    """

    count: int = 0
    total: Fraction = NONE
    squares: Fraction = NONE
    minimum: float = math.inf
    maximum: float = -math.inf
    zeros: int = 0
    not_finite: int = 0

    @classmethod
    def of(cls, values: NDArray[Any]) -> Moments:
        """The moments of `values`, of any shape, whose squares float64 can hold."""
        finite = values[np.isfinite(values)].astype(np.float64)
        not_finite = values.size - finite.size
        if finite.size == 0:
            return cls(not_finite=not_finite)
        mean = finite.mean()
        total = finite.size * Fraction(float(mean))
        return cls(
            count=finite.size,
            total=total,
            # By way of the distances from the mean, which keep more digits.
            squares=Fraction(float(np.square(finite - mean).sum())) + total * total / finite.size,
            minimum=float(finite.min()),
            maximum=float(finite.max()),
            zeros=int(finite.size - np.count_nonzero(finite)),
            not_finite=not_finite,
        )

    def merge(self, other: Moments) -> Moments:
        """The moments of both together."""
        return Moments(
            count=self.count + other.count,
            total=self.total + other.total,
            squares=self.squares + other.squares,
            minimum=min(self.minimum, other.minimum),
            maximum=max(self.maximum, other.maximum),
            zeros=self.zeros + other.zeros,
            not_finite=self.not_finite + other.not_finite,
        )

    @property
    def mean(self) -> float:
        """The mean; 0 if there are no values."""
        return float(self.total / self.count) if self.count else 0.0

    @property
    def std_dev(self) -> float:
        """The population's standard deviation; 0 if there are no values."""
        return math.sqrt((self.squares - self.total * self.total / self.count) / self.count) if self.count else 0.0
