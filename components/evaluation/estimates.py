"""A measured value with the interval that chance leaves it."""

from __future__ import annotations

import math
from dataclasses import dataclass

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


def percentile_estimate(samples: Values, confidence: float) -> Estimate:
    """The first of `samples`, float64 [1 + resamples], between percentiles of the others; NaN is left out."""
    value, resampled = float(samples[0]), samples[1:][~np.isnan(samples[1:])]
    if math.isnan(value):
        return Estimate(value=None)
    if not len(resampled):
        return Estimate(value=value)
    low, high = np.quantile(resampled, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(value=value, low=float(low), high=float(high))


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
