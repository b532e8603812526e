"""Quantiles of numbers: exact from counts, or from a KLL sketch where there are too many different ones to count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from slipline.components.statistics.sketch import Sketch

K = 1_000
"""Size of a sketch: some 24 KiB, and a rank error of 0.28 %."""

REPEATED_AT_ONCE = 1 << 20


def exact_quantiles(counts: Mapping[Any, int], parts: int) -> list[float]:
    """The `parts` + 1 values that cut the sorted values into equally many, from the least to the greatest.

    Each is the least value that at least its share of the values do not exceed (NumPy's `inverted_cdf`).
    """
    values = sorted(counts)
    reached = np.cumsum([counts[value] for value in values], dtype=np.int64)
    total = int(reached[-1])
    ranks = [max(-(-part * total // parts), 1) for part in range(parts + 1)]
    return [float(values[place]) for place in np.searchsorted(reached, ranks).tolist()]


class QuantileSketch(Sketch):
    """A KLL sketch; it is randomised, so that two of the same values agree within its error, not to the last digit."""

    KIND = "kll_doubles_sketch"

    @classmethod
    def of_counts(cls, counts: Mapping[Any, int]) -> QuantileSketch:
        """The sketch of finite values that occur so often; they are repeated a few MiB at a time."""
        import datasketches

        sketch = datasketches.kll_doubles_sketch(K)
        values = np.array(list(counts), np.float64)
        left = np.array(list(counts.values()), np.int64)
        most = max(REPEATED_AT_ONCE // max(values.size, 1), 1)
        for start in range(0, int(left.max(initial=0)), most):
            sketch.update(np.repeat(values, np.clip(left - start, 0, most)))
        return cls(bytes(sketch.serialize()))

    def quantiles(self, parts: int) -> list[float]:
        """As `exact_quantiles`, within `rank_error`."""
        return list(self._read().get_quantiles([part / parts for part in range(parts + 1)], True))

    @property
    def rank_error(self) -> float:
        """How far a quantile's rank may be off, as a share of all values, in 99 % of cases."""
        return float(self._read().normalized_rank_error(False))
