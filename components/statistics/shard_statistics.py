"""The statistics of one shard, batch by batch: memory does not grow with its records, but for 16 bytes of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from slipline.components.files.tfrecord_files import batched
from slipline.components.statistics.columns import BYTES, Columns, read_columns
from slipline.components.statistics.duplicates import record_digests
from slipline.components.statistics.feature_statistics import SplitSummary, summarise_columns
from slipline.components.statistics.groups import MISSING, OTHER, Groups
from slipline.components.statistics.image_summary import DecodedImages
from slipline.components.statistics.merging import together

BATCH_RECORDS = 10_000
BATCH_BYTES = 1 << 24  # a value of one byte in a record takes up to 40 as a Python object


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


@dataclass(frozen=True)
class ShardSummary:
    """All that is kept of a shard.

    Attributes:
      divisions: The records sliced by each feature asked for; by none, one division that is none.
      digests: uint64 of shape [records, 2]: of each record's content.
    """

    divisions: tuple[Slices, ...]
    digests: NDArray[np.uint64]


def summarise_records(records: Iterable[bytes], features: Sequence[str], most: int) -> ShardSummary:
    """The summary of serialized records, sliced by each of `features` that has at most `most` different values."""
    divisions = tuple(Slices(feature=feature, most=most) for feature in features or ("",))
    digests = [np.zeros((0, 2), np.uint64)]
    for batch in batched(records, BATCH_RECORDS, BATCH_BYTES):
        columns = read_columns(batch)
        groups = [_divided(columns, slices) for slices in divisions]
        found, images = summarise_columns(columns, groups)
        divisions = tuple(map(_extended, divisions, groups, found))
        digests.append(contents_of(batch, columns, images))
    return ShardSummary(divisions, np.concatenate(digests))


def contents_of(records: Sequence[bytes], columns: Columns, images: Mapping[str, DecodedImages]) -> NDArray[np.uint64]:
    """What tells whether records have the same content, uint64 of shape [records, 2].

    That is the pixels of its image for a record with one, whatever else it has; all features for any other.
    """
    digests = np.zeros((columns.records, 2), np.uint64)
    count = np.zeros(columns.records, np.int64)
    for name, found in images.items():
        rows = columns.columns[name, BYTES].value_rows[found.decoded]
        digests[rows] = found.digests[found.decoded]
        count += np.bincount(rows, minlength=columns.records)
    others = np.flatnonzero(count != 1)
    digests[others] = record_digests([records[number] for number in others.tolist()])
    return digests


def _divided(columns: Columns, slices: Slices) -> Groups:
    undivided = Groups.undivided(columns.records)
    if slices.too_many or not slices.feature:
        return undivided
    groups = Groups.by_value(columns, slices.feature)
    return undivided if too_many_values(groups.names, slices.most) else groups


def _extended(slices: Slices, groups: Groups, found: Mapping[str, SplitSummary]) -> Slices:
    if len(groups.names) == 1:
        more = Slices(feature=slices.feature, most=slices.most, rest=found[""], too_many=slices.feature != "")
    else:
        more = Slices(feature=slices.feature, most=slices.most, by_value=found)
    return slices.merge(more)
