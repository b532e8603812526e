"""What is kept of more different values than can be counted one by one: sketches of datasketches, which merge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import datasketches
import numpy as np

if TYPE_CHECKING:
    from typing_extensions import Self

K = 1_000
"""Size of a sketch of quantiles: some 24 KiB, and a rank error of 0.28 %."""

REPEATED_AT_ONCE = 1 << 20

LOG2_REGISTERS = 13
"""8 KiB a sketch of different values, and a relative standard error of 1.15 %."""

LOG2_PLACES = 11
"""Up to 1,536 strings are kept, so that `MAX_DISTINCT` exact counts enter without loss."""

_CERTAIN = datasketches.frequent_items_error_type.NO_FALSE_POSITIVES


@dataclass(frozen=True)
class Sketch:
    """A sketch as bytes, because the object itself does not pickle.

    Attributes:
      serialized: What `KIND`, a class of datasketches, wrote.
    """

    KIND: ClassVar[Any]

    serialized: bytes

    def merge(self, other: Self) -> Self:
        """The sketch of both together."""
        merged = self._read()
        merged.merge(other._read())
        return type(self)(bytes(merged.serialize()))

    def _read(self) -> Any:
        return self.KIND.deserialize(self.serialized)


class DistinctSketch(Sketch):
    """How many different values there are: the registers of a HyperLogLog are maxima, so that they merge exactly."""

    KIND = datasketches.hll_sketch

    @classmethod
    def of(cls, values: Iterable[int | float | bytes]) -> DistinctSketch:
        """The sketch of `values`, each of which may come repeatedly; 0.0 and -0.0 are the same."""
        sketch = datasketches.hll_sketch(LOG2_REGISTERS, datasketches.tgt_hll_type.HLL_8)
        for value in values:
            # It takes no bytes; as Latin-1 any bytes are a string, and different ones stay different.
            sketch.update(value.decode("latin-1") if isinstance(value, bytes) else value)
        return cls(sketch.serialize_compact())

    def merge(self, other: DistinctSketch) -> DistinctSketch:
        """The sketch of both together."""
        return DistinctSketch(self._union(other).get_result(datasketches.tgt_hll_type.HLL_8).serialize_compact())

    @property
    def estimate(self) -> float:
        """About how many different values there are; the same in whatever order and grouping they came."""
        # A sketch that was never merged would answer from the order in which its values came (its HIP estimator).
        return float(self._union(self).get_estimate())

    @property
    def error(self) -> float:
        """The relative standard error of the estimate, as the library states it."""
        return abs(float(datasketches.hll_sketch.get_rel_err(True, True, LOG2_REGISTERS, 1)))

    def _union(self, other: DistinctSketch) -> Any:
        union = datasketches.hll_union(LOG2_REGISTERS)
        for sketch in (self, other):
            union.update(sketch._read())
        return union


class QuantileSketch(Sketch):
    """A KLL sketch; it is randomised, so that two of the same values agree within its error, not to the last digit."""

    KIND = datasketches.kll_doubles_sketch

    @classmethod
    def of_counts(cls, counts: Mapping[Any, int]) -> QuantileSketch:
        """The sketch of finite values that occur so often; they are repeated a few MiB at a time."""
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


class TopValues(Sketch):
    """The frequent ones of strings; how it errs depends on the order, but stays within what it states."""

    KIND = datasketches.frequent_strings_sketch

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> TopValues:
        """The sketch of strings that occur so often."""
        sketch = datasketches.frequent_strings_sketch(LOG2_PLACES)
        for value, count in counts.items():
            sketch.update(value, count)
        return cls(bytes(sketch.serialize()))

    @property
    def frequent(self) -> dict[str, int]:
        """Every string certain to be frequent, and how often it occurs, too high by at most `error`."""
        return {value: count for value, count, _, _ in self._read().get_frequent_items(_CERTAIN)}

    @property
    def error(self) -> int:
        """By how many occurrences a count may be too high."""
        return max((high - low for _, _, low, high in self._read().get_frequent_items(_CERTAIN)), default=0)
