"""The most frequent of more different strings than can be kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slipline.components.statistics.value_counts import ranked

LOG2_PLACES = 11
"""Up to 1,536 strings are kept, so that `MAX_DISTINCT` exact counts enter without loss."""


@dataclass(frozen=True)
class TopValues:
    """A sketch of the frequent strings; how it errs depends on the order, but stays within what it states.

    Attributes:
      serialized: A `datasketches.frequent_strings_sketch`, as bytes because the object itself does not pickle.
    """

    serialized: bytes

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> TopValues:
        """The sketch of strings that occur so often."""
        import datasketches

        sketch = datasketches.frequent_strings_sketch(LOG2_PLACES)
        for value, count in counts.items():
            sketch.update(value, count)
        return cls(bytes(sketch.serialize()))

    def merge(self, other: TopValues) -> TopValues:
        """The sketch of both together."""
        merged = self._sketch()
        merged.merge(other._sketch())
        return TopValues(bytes(merged.serialize()))

    def ranked(self) -> list[tuple[str, int]]:
        """Every string certain to be frequent, and how often it occurs, too high by at most `error`."""
        import datasketches

        certain = datasketches.frequent_items_error_type.NO_FALSE_POSITIVES
        return ranked((value, count) for value, count, _, _ in self._sketch().get_frequent_items(certain))

    @property
    def error(self) -> int:
        """By how many occurrences a count may be too high."""
        import datasketches

        certain = datasketches.frequent_items_error_type.NO_FALSE_POSITIVES
        return max((high - low for _, _, low, high in self._sketch().get_frequent_items(certain)), default=0)

    def _sketch(self) -> Any:
        import datasketches

        return datasketches.frequent_strings_sketch.deserialize(self.serialized)
