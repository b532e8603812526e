"""A measured value with the interval that chance leaves it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from slipline.components.evaluation.cells import Values


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A value and its confidence interval.

    Attributes:
      value: As measured; None where it is not defined.
      low: Lower end of the interval; None where there is none.
      high: Upper end.
    """

    value: float | None
    low: float | None = None
    high: float | None = None

    def mapped(self, rising: Callable[[float], float]) -> Estimate:
        """The estimate of a rising function of the value; what is not defined stays so."""
        value, low, high = (None if end is None else rising(end) for end in (self.value, self.low, self.high))
        return Estimate(value=value, low=low, high=high)


@lru_cache(maxsize=10_000)
def share_estimate(hits: int, records: int, confidence: float) -> Estimate:
    """The share of hits, with the exact interval of Clopper and Pearson (1934): 3 of 3 may be 29.2 % at 95 %."""
    if not records:
        return Estimate(value=None)
    tail = (1 - confidence) / 2
    return Estimate(
        value=hits / records,
        low=_beta_quantile(tail, hits, records - hits + 1) if hits else 0.0,
        high=_beta_quantile(1 - tail, hits + 1, records - hits) if hits < records else 1.0,
    )


def percentile_estimate(samples: Values, confidence: float) -> Estimate:
    """The first of `samples`, float64 [1 + resamples], between percentiles of the others; NaN is left out.

    Where all are the same they say nothing of what chance leaves, and there is no interval.
    """
    value, resampled = float(samples[0]), samples[1:][~np.isnan(samples[1:])]
    if math.isnan(value):
        return Estimate(value=None)
    if not len(resampled):
        return Estimate(value=value)
    low, high = np.quantile(resampled, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(value=value, low=float(low), high=float(high)) if low < high else Estimate(value=value)


def mirrored_estimate(samples: Values, confidence: float) -> Estimate:
    """The same for a measure that samples overstate, such as a mean of absolute differences, which is at least 0.

    What the samples overstate of the measured value, that overstates of the true one: the basic bootstrap interval
    (Davison and Hinkley, 1997, section 5.2).
    """
    found = percentile_estimate(samples, confidence)
    if found.value is None or found.low is None or found.high is None:
        return found
    low, high = max(0.0, 2 * found.value - found.high), max(0.0, 2 * found.value - found.low)
    return Estimate(value=found.value, low=min(low, found.value), high=max(high, found.value))


def together(terms: Sequence[Estimate], *, spread: float = 1.0) -> Estimate:
    """The sum of independent estimates, with the interval that theirs leave it (Zou and Donner, 2008).

    Args:
      terms: Each with a value; one without an interval adds nothing to the width.
      spread: By how much the interval is wider, as where terms are not quite independent.
    """
    value = sum(term.value or 0.0 for term in terms)
    ends = [(term.value or 0.0, term.low, term.high) for term in terms]
    below = math.sqrt(sum((value - low) ** 2 for value, low, _ in ends if low is not None))
    above = math.sqrt(sum((high - value) ** 2 for value, _, high in ends if high is not None))
    return Estimate(value=value, low=value - spread * below, high=value + spread * above)


def _beta_quantile(probability: float, a: int, b: int) -> float:
    """Where the beta distribution of a and b reaches a probability: Newton's steps, bisection where they leave."""
    low, high, x = 0.0, 1.0, a / (a + b)
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    for _ in range(200):
        excess = _beta_probability(x, a, b, scale) - probability
        low, high = (low, x) if excess > 0 else (x, high)
        density = math.exp(scale + (a - 1) * math.log(x) + (b - 1) * math.log1p(-x))
        step = x - excess / density if density else low
        before, x = x, step if low < step < high else (low + high) / 2
        if abs(x - before) <= 1e-14 + 1e-12 * x:
            break
    return x


def _beta_probability(x: float, a: int, b: int, scale: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (DLMF 8.17.22) and Lentz's method."""
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta_probability(1 - x, b, a, scale)
    tiny = 1e-300
    c, d = 1.0, 1 / ((1 - (a + b) * x / (a + 1)) or tiny)
    fraction = d
    for m in range(1, 100_000):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            c, d = 1 + term / c or tiny, 1 / (1 + term * d or tiny)
            fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return math.exp(scale + a * math.log(x) + b * math.log1p(-x)) * fraction / a
