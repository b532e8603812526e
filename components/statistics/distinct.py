"""How many different values there are: exact while they are few, then from a HyperLogLog sketch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from slipline.components.statistics.value_counts import MAX_DISTINCT

LOG2_REGISTERS = 13
"""8 KiB a sketch, and a relative standard error of 1.15 %."""


@dataclass(frozen=True)
class DistinctSketch:
    """The registers of a HyperLogLog: each is a maximum, so that they merge exactly.

    Attributes:
      serialized: A `datasketches.hll_sketch`, as bytes because the object itself does not pickle.
    """

    serialized: bytes

    @classmethod
    def of(cls, values: Iterable[int | float | str]) -> DistinctSketch:
        """The sketch of `values`, each of which may come repeatedly; 0.0 and -0.0 are the same."""
        import datasketches

        sketch = datasketches.hll_sketch(LOG2_REGISTERS, datasketches.tgt_hll_type.HLL_8)
        for value in values:
            sketch.update(value)
        return cls(sketch.serialize_compact())

    def merge(self, other: DistinctSketch) -> DistinctSketch:
        """The sketch of both together."""
        import datasketches

        result = _union(self, other).get_result(datasketches.tgt_hll_type.HLL_8)
        return DistinctSketch(result.serialize_compact())

    @property
    def estimate(self) -> float:
        """About how many different values there are; the same in whatever order and grouping they came."""
        # A sketch that was never merged would answer from the order in which its values came (its HIP estimator).
        return float(_union(self, self).get_estimate())

    @property
    def error(self) -> float:
        """The relative standard error of the estimate, as the library states it."""
        import datasketches

        return abs(float(datasketches.hll_sketch.get_rel_err(True, True, LOG2_REGISTERS, 1)))


@dataclass(frozen=True)
class DistinctCount:
    """How many different 64-bit digests there are.

    Attributes:
      seen: The digests; None beyond `MAX_DISTINCT` different ones.
      sketch: Given just where `seen` is None.
    """

    seen: frozenset[int] | None = frozenset()
    sketch: DistinctSketch | None = None

    @classmethod
    def of(cls, digests: Iterable[int]) -> DistinctCount:
        """The count of `digests`, signed integers, each of which may come repeatedly."""
        seen = frozenset(digests)
        return cls(seen) if len(seen) <= MAX_DISTINCT else cls(None, DistinctSketch.of(seen))

    def merge(self, other: DistinctCount) -> DistinctCount:
        """The count of both together."""
        if self.seen is not None and other.seen is not None:
            return DistinctCount.of(self.seen | other.seen)
        return DistinctCount(None, self._sketched().merge(other._sketched()))

    @property
    def estimate(self) -> float:
        """How many different ones there are, within `error`."""
        return self.sketch.estimate if self.sketch else len(self.seen or ())

    @property
    def error(self) -> float:
        """The relative standard error of the estimate; 0 if it is exact."""
        return self.sketch.error if self.sketch else 0.0

    def _sketched(self) -> DistinctSketch:
        return self.sketch or DistinctSketch.of(self.seen or ())


def _union(*sketches: DistinctSketch) -> Any:
    import datasketches

    union = datasketches.hll_union(LOG2_REGISTERS)
    for sketch in sketches:
        union.update(datasketches.hll_sketch.deserialize(sketch.serialized))
    return union
