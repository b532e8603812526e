"""Which values a proposed schema allows, and how their distribution may move.

A domain is as narrow as a person would want it on next month's data, not as today's data happen to be:

* values that are few and frequent (see `few_and_frequent`) are codes or words, and all others are flagged, unless the
  least or greatest code is rare: then there are more beyond it;
* other numbers get only the bounds that lie in their nature: 0 to 1, or not negative; a comment says what was seen;
* images have the commonest size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from slipline.components.features.schema_io import DECODED_SHAPE
from slipline.components.schemas.schema_limits import (
    D,
    Sample,
    compare_buckets,
    compare_counts,
    compare_numbers,
    propose_limits,
    sample_of,
)
from slipline.components.statistics.distributions import buckets_of, counts_of, number_shares
from slipline.components.statistics.merging import together
from slipline.components.statistics.statistics_io import (
    FeatureStatistics,
    common_statistics,
    custom_number,
    label_counts,
)

TYPES = {
    FeatureStatistics.INT: schema_pb2.INT,
    FeatureStatistics.FLOAT: schema_pb2.FLOAT,
    FeatureStatistics.STRING: schema_pb2.BYTES,
    FeatureStatistics.BYTES: schema_pb2.BYTES,
}
"""The schema's type for each type of statistics; text is bytes in a `tf.Example`."""

MOST_VALUES = 100
"""More different values than this are no list that a person reviews."""

USUAL_COUNT = 5
"""Occurrences of a value, on average, that tell a list of codes from names and numbers of things."""

RARE_SHARE = 0.01
"""A value in less than this share of the records, and fewer than `USUAL_COUNT` times, may be a slip."""

SHOWN_VALUES = 5
SIDES = ("decoded_height", "decoded_width", "decoded_channels")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What is known of one feature in one split.

    Attributes:
      split: The split's name.
      records: Records of the split, at least 1.
      statistics: The feature's.
    """

    split: str
    records: int
    statistics: FeatureStatistics

    @property
    def common(self) -> statistics_pb2.CommonStatistics:
        """What is counted of features of every type."""
        return common_statistics(self.statistics)

    @property
    def present(self) -> int:
        """Records that have a value."""
        return int(self.common.num_non_missing)

    def number(self, name: str) -> float:
        """The custom statistic called `name`; 0 if there is none."""
        return custom_number(self.statistics, name) or 0.0


def propose_domain(feature: schema_pb2.Feature, seen: Sequence[Seen]) -> Iterator[str]:
    """Sets the domain of `feature` and limits for drift and skew; gives what a reviewer should look at.

    Args:
      feature: Has its type.
      seen: In the splits where it has values of that type.
    """
    if feature.type == schema_pb2.INT:
        yield from _propose_integers(feature, seen)
    elif feature.type == schema_pb2.FLOAT:
        yield from _propose_floats(feature, seen)
    elif any(each.number("decoded_images") for each in seen):
        yield from _propose_images(feature, seen)
    elif all(each.statistics.type == FeatureStatistics.STRING for each in seen):
        yield from _propose_words(feature, seen)


def few_and_frequent(counts: Mapping[str, int] | None) -> bool:
    """Whether values are at most `MOST_VALUES` different ones, each occurring `USUAL_COUNT` times on average."""
    return counts is not None and len(counts) <= MOST_VALUES and sum(counts.values()) >= USUAL_COUNT * len(counts) > 0


def _propose_integers(feature: schema_pb2.Feature, seen: Sequence[Seen]) -> Iterator[str]:
    counts = _merged(seen)
    values = sorted(map(int, counts or ()))
    domain = feature.int_domain
    domain.name = feature.name
    if len(values) > 1 and values == list(range(len(values))):  # class numbers: those from 0 up that all occur
        domain.min, domain.max, domain.is_categorical = values[0], values[-1], True
        yield from _new_values(seen)
        yield from propose_limits(feature, _samples(seen, counts_of), compare_counts)
        return
    low, high = _range(seen)
    yield f"{low:.0f} to {high:.0f} was seen: set the limits that right values keep, if you know better ones"
    few = few_and_frequent(counts)
    if counts and few and counts[str(values[0])] >= USUAL_COUNT:  # an end that is rare is not the last of its kind
        domain.min = values[0]
    elif low >= 0:
        domain.min = 0
    if counts and few and counts[str(values[-1])] >= USUAL_COUNT:
        domain.max = values[-1]
    yield from propose_limits(feature, _samples(seen, number_shares), compare_numbers)


def _propose_floats(feature: schema_pb2.Feature, seen: Sequence[Seen]) -> Iterator[str]:
    domain = feature.float_domain
    domain.name = feature.name
    not_finite = [each for each in seen if each.number("not_finite")]
    for each in not_finite:
        yield f"values in {each.split} that are NaN or infinite: {each.number('not_finite'):,.0f}"
    if not not_finite:
        domain.disallow_nan = domain.disallow_inf = True
    finite = _samples(seen, number_shares)
    if finite:
        low, high = _range(seen)
        if low >= 0:
            domain.min = 0.0
            if high <= 1:
                domain.max = 1.0
        yield f"{low:.6g} to {high:.6g} was seen: set the limits that right values keep, if you know better ones"
        yield from propose_limits(feature, finite, compare_numbers)


def _propose_words(feature: schema_pb2.Feature, seen: Sequence[Seen]) -> Iterator[str]:
    counts = _merged(seen)
    if counts is None or not few_and_frequent(counts):
        return
    feature.string_domain.name = feature.name
    feature.string_domain.value.extend(sorted(counts))
    rare = min(USUAL_COUNT, RARE_SHARE * sum(counts.values()))
    slips = {value: count for value, count in counts.items() if count < rare}
    if slips:
        yield f"rare values, slips perhaps: {_listed(slips)}"
    yield from _new_values(seen)
    yield from propose_limits(feature, _samples(seen, counts_of), compare_counts)


def _propose_images(feature: schema_pb2.Feature, seen: Sequence[Seen]) -> Iterator[str]:
    feature.image_domain.minimum_supported_image_fraction = 1.0
    sizes = [_merged(seen, side) for side in SIDES]
    if all(sizes):
        feature.annotation.tag.append(DECODED_SHAPE + ",".join(_by_count(side or {})[0] for side in sizes))
    else:
        yield "no size is proposed: the images have too many different ones"
    for name in (*SIDES, "decoded_mode"):
        counts = _merged(seen, name) or {}
        if len(counts) > 1:
            yield f"{name} is not always the same: {_listed(counts)}"
    for each in seen:
        undecodable = each.number("undecodable_images")
        if undecodable:
            yield f"values in {each.split} that are no readable image: {undecodable:,.0f}"
    yield from propose_limits(feature, _samples(seen, buckets_of), compare_buckets)


def _range(seen: Sequence[Seen]) -> tuple[float, float]:
    return min(each.statistics.num_stats.min for each in seen), max(each.statistics.num_stats.max for each in seen)


def _merged(seen: Sequence[Seen], name: str = "value_counts") -> dict[str, int] | None:
    """Occurrences of each value in all splits; None if one has too many different ones to count."""
    return reduce(together, [label_counts(each.statistics, name) for each in seen])


def _new_values(seen: Sequence[Seen]) -> Iterator[str]:
    """Values that the first split, which is learnt from, does not have."""
    known = label_counts(seen[0].statistics) or {}
    for each in seen[1:]:
        new = {value: n for value, n in (label_counts(each.statistics) or {}).items() if value not in known}
        if new:
            yield f"{each.split} has values that {seen[0].split} has not: {_listed(new)}"


def _samples(seen: Sequence[Seen], read: Callable[[FeatureStatistics], D | None]) -> list[Sample[D]]:
    samples = (sample_of(each.statistics, read, each.split) for each in seen)
    return [sample for sample in samples if sample is not None]


def _listed(counts: Mapping[str, int]) -> str:
    """The commonest values, with how often each occurs."""
    shown = ", ".join(f"{value} ({counts[value]:,})" for value in _by_count(counts)[:SHOWN_VALUES])
    left = len(counts) - SHOWN_VALUES
    return f"{shown} and {left:,} more" if left > 0 else shown


def _by_count(counts: Mapping[str, int]) -> list[str]:
    return sorted(counts, key=lambda value: (-counts[value], value))
