"""Count, mean, spread and range of numbers, merged in any order and grouping: the same up to rounding."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


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
    def of(cls, values: NDArray[Any]) -> Moments:
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
