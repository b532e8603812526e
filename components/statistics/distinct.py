"""How many different values there are, from a HyperLogLog sketch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from slipline.components.statistics.sketch import Sketch

LOG2_REGISTERS = 13
"""8 KiB a sketch, and a relative standard error of 1.15 %."""


class DistinctSketch(Sketch):
    """The registers of a HyperLogLog: each is a maximum, so that they merge exactly."""

    KIND = "hll_sketch"

    @classmethod
    def of(cls, values: Iterable[int | float | bytes]) -> DistinctSketch:
        """The sketch of `values`, each of which may come repeatedly; 0.0 and -0.0 are the same."""
        import datasketches

        sketch = datasketches.hll_sketch(LOG2_REGISTERS, datasketches.tgt_hll_type.HLL_8)
        for value in values:
            # It takes no bytes; as Latin-1 any bytes are a string, and different ones stay different.
            sketch.update(value.decode("latin-1") if isinstance(value, bytes) else value)
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


def _union(*sketches: DistinctSketch) -> Any:
    import datasketches

    union = datasketches.hll_union(LOG2_REGISTERS)
    for sketch in sketches:
        union.update(sketch._read())
    return union
