"""Limits for drift and skew: what chance alone brings about, and a little more."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist
from typing import Generic, TypeVar

import numpy as np
from tensorflow_metadata.proto.v0 import schema_pb2

from slipline.components.statistics.distributions import (
    Buckets,
    NumberShares,
    decile_divergence,
    jensen_shannon,
    largest_difference,
)
from slipline.components.statistics.statistics_io import FeatureStatistics, common_statistics

D = TypeVar("D")

DECILES = 10

FALSE_ALARM = 0.001
"""How often chance alone may pass a limit, per comparison: one in a thousand runs of one feature."""

LEAST_LIMIT = 0.01
"""Below this no difference is worth stopping for, however sure it is.

The limit of an infinity norm in TensorFlow Data Validation's guide. As a Jensen-Shannon divergence, in bits, it is what
two normal distributions have that lie a quarter of a standard deviation apart.
"""

GREATEST_LIMIT = 0.5
"""A limit beyond this would let almost anything pass, so none is proposed; both distances end at 1."""


@dataclass(frozen=True, kw_only=True)
class Sample(Generic[D]):
    """A feature's values in one split.

    Attributes:
      split: The split's name.
      records: How many of its records have a value. Values of one record may depend on each other, as the pixels of
        an image do, so it is these that count as drawn by chance; where they do not, limits are on the wide side.
      values: How they are distributed.
    """

    split: str
    records: int
    values: D


def sample_of(
    feature: FeatureStatistics, read: Callable[[FeatureStatistics], D | None], split: str
) -> Sample[D] | None:
    """What `read` finds in the statistics of a feature in one split; None if that is nothing."""
    values = read(feature)
    return Sample(split=split, records=common_statistics(feature).num_non_missing, values=values) if values else None


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How far apart two samples lie.

    Attributes:
      observed: Their distance, in 0..1.
      chance: What two samples of these sizes from one distribution exceed once in 1 / `FALSE_ALARM` times.
      most_at: The value whose share differs most, with both shares; empty for histograms.
    """

    observed: float
    chance: float
    most_at: str = ""


def compare_counts(first: Sample[Mapping[str, float]], second: Sample[Mapping[str, float]]) -> Difference:
    """The L-infinity distance: the greatest difference of one value's share.

    Its chance is `z * sqrt(s * (1/n1 + 1/n2))`: the difference of a value's share p in samples of n1 and n2 records is
    nearly normal with variance p (1 - p) (1/n1 + 1/n2); s is the greatest p (1 - p), and z the standard normal quantile
    of 1 - FALSE_ALARM / 2k, so that none of k values passes it (Bonferroni).
    """
    values = {*first.values, *second.values}
    total = sum(first.values.values()) + sum(second.values.values())
    shares = [(first.values.get(value, 0) + second.values.get(value, 0)) / total for value in values]
    spread = max(share * (1 - share) for share in shares)
    z = NormalDist().inv_cdf(1 - FALSE_ALARM / (2 * len(values)))
    apart = largest_difference(first.values, second.values)
    return Difference(
        observed=apart.distance,
        chance=z * math.sqrt(spread * _inverse_sizes(first, second)),
        most_at=f"{apart.value}: {apart.before:.2%} there, {apart.after:.2%} here",
    )


def compare_buckets(first: Sample[Buckets], second: Sample[Buckets]) -> Difference:
    """The Jensen-Shannon divergence, in bits.

    Its chance is `q * (1/n1 + 1/n2) / (8 ln 2)`: near zero the divergence in nats is an eighth of the chi-square
    distance of the two samples, which is distributed as (1/n1 + 1/n2) times chi-square with k - 1 degrees of freedom;
    q is that distribution's quantile of 1 - FALSE_ALARM, k the number of buckets in use.

    Source: D. M. Endres and J. E. Schindelin, "A new metric for probability distributions", IEEE Transactions on
    Information Theory 49, 2003.
    """
    in_use = max(np.count_nonzero(each.values.counts) for each in (first, second))
    return Difference(
        observed=jensen_shannon(first.values, second.values),
        chance=_divergence_by_chance(int(in_use), first, second),
    )


def compare_numbers(first: Sample[NumberShares], second: Sample[NumberShares]) -> Difference:
    """The same of numbers that are not counted one by one, in ten buckets."""
    return Difference(
        observed=decile_divergence(first.values, second.values),
        chance=_divergence_by_chance(DECILES, first, second),
    )


def _divergence_by_chance(buckets: int, first: Sample[D], second: Sample[D]) -> float:
    quantile = _chi_square_quantile(1 - FALSE_ALARM, buckets - 1)
    return quantile * _inverse_sizes(first, second) / (8 * math.log(2))


def _inverse_sizes(first: Sample[D], second: Sample[D]) -> float:
    return 1 / first.records + 1 / second.records


def _chi_square_quantile(probability: float, freedom: int) -> float:
    """By the cube root's being nearly normal (E. B. Wilson and M. M. Hilferty, 1931); within 3 % for rare events."""
    if freedom == 0:
        return 0.0
    part = 2 / (9 * freedom)
    return float(freedom * (1 - part + NormalDist().inv_cdf(probability) * math.sqrt(part)) ** 3)


def propose_limits(
    feature: schema_pb2.Feature, samples: Sequence[Sample[D]], compare: Callable[[Sample[D], Sample[D]], Difference]
) -> Iterator[str]:
    """Sets limits for drift and skew; gives what a reviewer should look at.

    Drift: chance in two runs as small as the smallest split. Skew: what is seen between two splits, and chance.

    Args:
      feature: Gets the limits.
      samples: Of it, one for each split.
      compare: How two are compared, which decides the measure.
    """
    measure = "infinity_norm" if compare is compare_counts else "jensen_shannon_divergence"
    drift = max((compare(each, each).chance for each in samples), default=math.inf)
    skew = 0.0 if len(samples) > 1 else drift
    for one, other in combinations(samples, 2):
        difference = compare(one, other)
        skew = max(skew, difference.observed + difference.chance)
        if difference.observed > max(difference.chance, LEAST_LIMIT):
            yield (
                f"{one.split} and {other.split} differ by {difference.observed:.2g} ({measure}), beyond chance "
                f"({difference.chance:.1g}); the skew limit lets that pass: is it meant?"
            )
    if samples:
        yield from _set_limit(feature.drift_comparator, "drift", measure, drift, samples)
        yield from _set_limit(feature.skew_comparator, "skew", measure, skew, samples)


def _set_limit(
    comparator: schema_pb2.FeatureComparator, name: str, measure: str, limit: float, samples: Sequence[Sample[D]]
) -> Iterator[str]:
    if limit <= GREATEST_LIMIT:
        getattr(comparator, measure).threshold = _rounded_up(max(limit, LEAST_LIMIT))
        return
    records = ", ".join(f"{each.records:,} records of {each.split}" for each in samples)
    yield (
        f"no {name} limit is proposed: to let pass what was seen and what chance brings about in {records}, "
        f"its {measure} would have to be {limit:.2g}"
    )


def _rounded_up(limit: float) -> float:
    """To two significant digits."""
    unit = 10.0 ** (math.floor(math.log10(limit)) - 1)
    return float(f"{math.ceil(limit / unit - 1e-9) * unit:.2g}")
