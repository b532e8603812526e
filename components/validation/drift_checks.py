"""Holds one set of examples against another: a split against another split, a run against the one before."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from slipline.components.schemas.schema_limits import (
    Difference,
    compare_buckets,
    compare_counts,
    compare_numbers,
    sample_of,
)
from slipline.components.schemas.schema_rules import Comparator, FeatureRule, SplitRule
from slipline.components.statistics.distributions import buckets_of, counts_of, number_shares
from slipline.components.statistics.statistics_io import FeatureStatistics, common_statistics
from slipline.components.validation.findings import Finding, Kind

SplitStatistics: TypeAlias = statistics_pb2.DatasetFeatureStatistics


class Distance(Enum):
    """How far two distributions lie apart."""

    L_INFINITY = anomalies_pb2.DriftSkewInfo.Measurement.L_INFTY
    JENSEN_SHANNON = anomalies_pb2.DriftSkewInfo.Measurement.JENSEN_SHANNON_DIVERGENCE


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A distance that was measured.

    Attributes:
      split: The split that was held against another.
      against: What against, for people.
      feature: The feature's name.
      is_drift: Whether against an earlier run, rather than against other examples of today.
      distance: How it was measured.
      value: The distance, in 0..1; NaN where the statistics do not say enough to measure it.
      limit: The greatest that the schema allows.
      chance: What samples of these sizes from one distribution hardly ever exceed.
      most_at: The value whose share differs most, with both shares; empty for histograms.
    """

    split: str
    against: str
    feature: str
    is_drift: bool
    distance: Distance
    value: float
    limit: float
    chance: float
    most_at: str = ""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What examples are held against.

    Attributes:
      name: For people, such as `train` or `the run before (of 2026-11-22)`.
      statistics: Of it.
      is_drift: Whether it is an earlier run.
    """

    name: str
    statistics: SplitStatistics
    is_drift: bool = False


def measure(
    split: str, statistics: SplitStatistics, reference: Reference, rules: Sequence[FeatureRule]
) -> Iterator[Measurement]:
    """Every distance for which the schema states a limit, of features that both have."""
    here, there = _by_name(statistics), _by_name(reference.statistics)
    for rule in rules:
        comparator = rule.drift if reference.is_drift else rule.skew
        if rule.name in here and rule.name in there:
            limits = {Distance.L_INFINITY: comparator.l_infinity, Distance.JENSEN_SHANNON: comparator.jensen_shannon}
            for distance, limit in limits.items():
                if limit is not None:
                    found = _difference(there[rule.name], here[rule.name], distance)
                    yield Measurement(
                        split=split,
                        against=reference.name,
                        feature=rule.name,
                        is_drift=reference.is_drift,
                        distance=distance,
                        value=found.observed,
                        limit=limit,
                        chance=found.chance,
                        most_at=found.most_at,
                    )


def _by_name(statistics: SplitStatistics) -> Mapping[str, FeatureStatistics]:
    return {feature.name: feature for feature in statistics.features}


_Compare: TypeAlias = tuple[Callable[[FeatureStatistics], Any], Callable[[Any, Any], Difference]]
_COMPARED: Mapping[Distance, Sequence[_Compare]] = {
    Distance.L_INFINITY: ((counts_of, compare_counts),),
    # Numbers by their deciles, images by their pixels.
    Distance.JENSEN_SHANNON: ((number_shares, compare_numbers), (buckets_of, compare_buckets)),
}


def _difference(before: FeatureStatistics, after: FeatureStatistics, distance: Distance) -> Difference:
    for read, compare in _COMPARED[distance]:
        first, second = sample_of(before, read, "there"), sample_of(after, read, "here")
        if first is not None and second is not None:
            return compare(first, second)
    return Difference(observed=math.nan, chance=0.0)


def too_far(measurements: Sequence[Measurement], schema: str) -> Iterator[Finding]:
    """A finding for each distance that is beyond its limit and what chance explains, or that cannot be measured.

    Args:
      measurements: Distances with their limits.
      schema: The schema's file, for people.
    """
    for measured in measurements:
        if not measured.value <= max(measured.limit, measured.chance):
            yield Finding(
                split=measured.split,
                feature=measured.feature,
                kind=_KIND[measured.distance],
                text=_text(measured),
                remedy=f"find out what changed, or change {schema} if it is meant",
            )


_FIELD = {Distance.L_INFINITY: "infinity_norm", Distance.JENSEN_SHANNON: "jensen_shannon_divergence"}
_KIND = {Distance.L_INFINITY: Kind.OTHER_SHARES, Distance.JENSEN_SHANNON: Kind.OTHER_DISTRIBUTION}


def _text(measured: Measurement) -> str:
    if math.isnan(measured.value):
        return (
            f"wanted its values compared with those in {measured.against} by {_FIELD[measured.distance]}, but it has "
            "too many different values to count each, or none of a kind to compare"
        )
    if measured.distance is Distance.L_INFINITY:
        return (
            f"wanted every value's share within {measured.limit:.2%} of that in {measured.against}, "
            f"got a difference of {measured.value:.2%}, at {measured.most_at}"
        )
    return (
        f"wanted values distributed as in {measured.against}, to a Jensen-Shannon divergence of {measured.limit:g}, "
        f"got {measured.value:.3g}"
    )


def vanished(
    split: str, statistics: SplitStatistics, before: SplitStatistics, rules: Sequence[FeatureRule], schema: str
) -> Iterator[Finding]:
    """A finding for each feature with a limit of drift that records had in the run before and none has now.

    One that the schema asks for is found without looking back.
    """
    here, there = _by_name(statistics), _by_name(before)
    for rule in rules:
        is_asked_for = rule.min_fraction > 0 or rule.min_count > 0
        if rule.drift != Comparator() and not is_asked_for and not _present(here, rule) and _present(there, rule):
            had = f"{_present(there, rule):,} of the {before.num_examples:,} records of the run before"
            yield Finding(
                split=split,
                feature=rule.name,
                kind=Kind.NOTHING_TO_COMPARE,
                text=f"wanted values to compare with those in {had}, got none",
                remedy=f"find out what happened to them, or change {schema} if it is meant",
            )


def _present(features: Mapping[str, FeatureStatistics], rule: FeatureRule) -> int:
    """How many records have the feature."""
    return common_statistics(features[rule.name]).num_non_missing if rule.name in features else 0


def compare_records(split: str, records: int, before: int, rule: SplitRule, schema: str) -> Iterator[Finding]:
    """Whether the number of records has moved further than the schema allows since the run before."""
    remedy = f"find out what happened to the records, or change {schema} if it is meant"
    if rule.least_of_before is not None and records < rule.least_of_before * before:
        text = f"wanted at least {rule.least_of_before:g} x the {before:,} records of the run before, got {records:,}"
        yield Finding(split=split, feature="", kind=Kind.FEWER_RECORDS, text=text, remedy=remedy)
    if rule.most_of_before is not None and records > rule.most_of_before * before:
        text = f"wanted at most {rule.most_of_before:g} x the {before:,} records of the run before, got {records:,}"
        yield Finding(split=split, feature="", kind=Kind.MORE_RECORDS, text=text, remedy=remedy)
