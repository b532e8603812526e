"""The records of a split divided by the value of one feature, with a summary of each part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

from slipline.components.statistics.feature_statistics import SplitSummary
from slipline.components.statistics.groups import MISSING, OTHER
from slipline.components.statistics.merging import together


@dataclass(frozen=True, kw_only=True)
class Slices:
    """Each record is in one slice, or in the rest; so the slices and the rest add up to the split.

    Attributes:
      feature: The feature by whose value the records are divided; empty if they are not.
      most: The most different values by which records are divided; with more, all are in the rest.
      by_value: The summary of each slice.
      rest: The summary of the records that are in no slice.
      too_many: Whether there were more values.
    """

    feature: str
    most: int
    by_value: Mapping[str, SplitSummary] = field(default_factory=dict)
    rest: SplitSummary = field(default_factory=SplitSummary)
    too_many: bool = False

    def merge(self, other: Slices) -> Slices:
        """The slices of both together."""
        by_value = together(self.by_value, other.by_value)
        both = replace(self, by_value=by_value, rest=self.rest.merge(other.rest))
        too_many = self.too_many or other.too_many or too_many_values(by_value, self.most)
        return replace(both, by_value={}, rest=both.total, too_many=True) if too_many else both

    @property
    def total(self) -> SplitSummary:
        """The summary of all the records."""
        return reduce(SplitSummary.merge, self.by_value.values(), self.rest)

    @property
    def occurs(self) -> bool:
        """Whether any record has a value by which it is sliced."""
        return any(value not in (MISSING, OTHER) for value in self.by_value)


def too_many_values(values: Mapping[str, object] | tuple[str, ...], most: int) -> bool:
    """Whether there are more than `most` values among the names of slices."""
    return sum(value not in (MISSING, OTHER) for value in values) > most
