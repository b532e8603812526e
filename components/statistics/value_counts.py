"""How often each value occurs: exactly while there are few different ones, then as far as sketches say it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from slipline.components.statistics.merging import together
from slipline.components.statistics.sketches import DistinctSketch

if TYPE_CHECKING:
    from typing_extensions import Self

K = TypeVar("K", int, float, str, bytes)
V = TypeVar("V", int, float, bytes)
S = TypeVar("S")

MAX_DISTINCT = 1_000
"""Different values that are counted one by one; beyond, sketches are kept instead."""


def ranked(counts: Iterable[tuple[K, int]]) -> list[tuple[K, int]]:
    """Values and their occurrences, the most frequent first; of equally frequent ones the least first."""
    return sorted(counts, key=lambda item: (-item[1], item[0]))


@dataclass(frozen=True, kw_only=True)
class ValueCounts(Generic[V, S]):
    """How often each value of a series occurs.

    Attributes:
      counts: Occurrences of each value; None beyond `MAX_DISTINCT` different ones.
      different: How many different ones there are; given just where `counts` is None.
      sketch: What a kind of values keeps beside that; None for nothing.
    """

    counts: Mapping[V, int] | None = field(default_factory=dict)
    different: DistinctSketch | None = None
    sketch: S | None = None

    @classmethod
    def of_counts(cls, counts: Mapping[V, int]) -> Self:
        """Of values that occur so often."""
        exact = cls(counts=counts)
        return exact if len(counts) <= MAX_DISTINCT else exact._sketched()

    def merge(self, other: Self) -> Self:
        """Both together."""
        if self.counts is not None and other.counts is not None:
            return self.of_counts(together(self.counts, other.counts))
        one, another = self._sketched(), other._sketched()
        different, sketch = together(one.different, another.different), together(one.sketch, another.sketch)
        return type(self)(counts=None, different=different, sketch=sketch)

    @property
    def distinct(self) -> float:
        """How many different values there are, within `distinct_error`."""
        return self.different.estimate if self.different else len(self.counts or ())

    @property
    def distinct_error(self) -> float:
        """The relative standard error of `distinct`; 0 if it is exact."""
        return self.different.error if self.different else 0.0

    def _sketched(self) -> Self:
        if self.counts is None:
            return self
        return type(self)(counts=None, different=DistinctSketch.of(self.counts), sketch=self._more(self.counts))

    def _more(self, counts: Mapping[V, int]) -> S | None:
        """What is kept beside the number of different values."""
        return None
