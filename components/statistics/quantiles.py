"""Quantiles of numbers: exact from counts, or from a KLL sketch where there are too many different ones to count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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


@dataclass(frozen=True)
class QuantileSketch:
    """A KLL sketch; it is randomised, so that two of the same values agree within its error, not to the last digit.

    Attributes:
      serialized: A `datasketches.kll_doubles_sketch`, as bytes because the object itself does not pickle.
    """

    serialized: bytes

    @classmethod
    def of(cls, values: NDArray[Any]) -> QuantileSketch:
        """The sketch of finite `values`."""
        return cls._of_chunks([values])

    @classmethod
    def of_counts(cls, counts: Mapping[Any, int]) -> QuantileSketch:
        """The sketch of values that occur so often; they are repeated a few MiB at a time."""
        values = np.array(list(counts), np.float64)
        left = np.array(list(counts.values()), np.int64)
        most = max(REPEATED_AT_ONCE // values.size, 1)
        return cls._of_chunks(
            np.repeat(values, np.clip(left - start, 0, most)) for start in range(0, int(left.max()), most)
        )

    @classmethod
    def _of_chunks(cls, chunks: Iterable[NDArray[Any]]) -> QuantileSketch:
        import datasketches

        sketch = datasketches.kll_doubles_sketch(K)
        for chunk in chunks:
            sketch.update(chunk.astype(np.float64))
        return cls(bytes(sketch.serialize()))

    def merge(self, other: QuantileSketch) -> QuantileSketch:
        """The sketch of both together."""
        merged = self._sketch()
        merged.merge(other._sketch())
        return QuantileSketch(bytes(merged.serialize()))

    def quantiles(self, parts: int) -> list[float]:
        """As `exact_quantiles`, within `rank_error`."""
        return list(self._sketch().get_quantiles([part / parts for part in range(parts + 1)], True))

    @property
    def rank_error(self) -> float:
        """How far a quantile's rank may be off, as a share of all values, in 99 % of cases."""
        return float(self._sketch().normalized_rank_error(False))

    def _sketch(self) -> Any:
        import datasketches

        return datasketches.kll_doubles_sketch.deserialize(self.serialized)
