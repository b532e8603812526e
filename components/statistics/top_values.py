"""The most frequent of more different strings than can be kept."""

from __future__ import annotations

from collections.abc import Mapping

from slipline.components.statistics.sketch import Sketch
from slipline.components.statistics.value_counts import ranked

LOG2_PLACES = 11
"""Up to 1,536 strings are kept, so that `MAX_DISTINCT` exact counts enter without loss."""


class TopValues(Sketch):
    """A sketch of the frequent strings; how it errs depends on the order, but stays within what it states."""

    KIND = "frequent_strings_sketch"

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> TopValues:
        """The sketch of strings that occur so often."""
        import datasketches

        sketch = datasketches.frequent_strings_sketch(LOG2_PLACES)
        for value, count in counts.items():
            sketch.update(value, count)
        return cls(bytes(sketch.serialize()))

    def ranked(self) -> list[tuple[str, int]]:
        """Every string certain to be frequent, and how often it occurs, too high by at most `error`."""
        return ranked((value, count) for value, count, _, _ in self._frequent())

    @property
    def error(self) -> int:
        """By how many occurrences a count may be too high."""
        return max((high - low for _, _, low, high in self._frequent()), default=0)

    def _frequent(self) -> list[tuple[str, int, int, int]]:
        import datasketches

        certain = datasketches.frequent_items_error_type.NO_FALSE_POSITIVES
        return list(self._read().get_frequent_items(certain))
