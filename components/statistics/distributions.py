"""How a feature's values are distributed, as its statistics say, and how far two distributions lie apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from tensorflow_metadata.proto.v0 import statistics_pb2

from slipline.components.statistics.statistics_io import label_counts

FeatureStatistics: TypeAlias = statistics_pb2.FeatureNameStatistics


@dataclass(frozen=True, kw_only=True)
class Apart:
    """The value whose share differs most between two distributions.

    Attributes:
      value: The value; empty if neither has any.
      before: Its share in the first, in 0..1.
      after: Its share in the second.
    """

    value: str
    before: float
    after: float

    @property
    def distance(self) -> float:
        """The L-infinity distance of the two distributions."""
        return abs(self.after - self.before)


@dataclass(frozen=True, kw_only=True)
class Buckets:
    """A histogram.

    Attributes:
      edges: Of its buckets, rising, float64 of shape [buckets + 1].
      counts: Values in each bucket, float64 of shape [buckets].
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.float64]


def counts_of(feature: FeatureStatistics) -> Mapping[str, float] | None:
    """How often each value of an integer or text feature occurs; None if they were too many to count.

    Of text with too many values, the most frequent ones.
    """
    counts = label_counts(feature)
    if counts is None and feature.HasField("string_stats"):
        return {bucket.label: bucket.sample_count for bucket in feature.string_stats.rank_histogram.buckets} or None
    return counts


def buckets_of(feature: FeatureStatistics) -> Buckets | None:
    """The histogram of a numeric feature, or of an image's pixels; None where the statistics have none."""
    for custom in feature.custom_stats:
        if custom.name == "pixel_histogram":
            return _buckets(custom.histogram)
    standard = [
        histogram
        for histogram in feature.num_stats.histograms
        if histogram.type == statistics_pb2.Histogram.STANDARD and histogram.buckets
    ]
    return _buckets(standard[0]) if standard else None


def _buckets(histogram: statistics_pb2.Histogram) -> Buckets:
    edges = [bucket.low_value for bucket in histogram.buckets] + [histogram.buckets[-1].high_value]
    counts = [bucket.sample_count for bucket in histogram.buckets]
    return Buckets(edges=np.array(edges, np.float64), counts=np.array(counts, np.float64))


def largest_difference(before: Mapping[str, float], after: Mapping[str, float]) -> Apart:
    """The value whose share of all values differs most, the first by name among equals."""
    totals = sum(before.values()) or 1.0, sum(after.values()) or 1.0
    shares = [
        Apart(value=value, before=before.get(value, 0.0) / totals[0], after=after.get(value, 0.0) / totals[1])
        for value in sorted({*before, *after})
    ]
    return max(shares, key=lambda apart: apart.distance, default=Apart(value="", before=0.0, after=0.0))


def jensen_shannon(before: Buckets, after: Buckets) -> float:
    """The Jensen-Shannon divergence of two histograms, in bits: 0 for equal ones, 1 for ones that do not overlap.

    Both are first cut at the edges of both, each bucket taken as evenly filled.

    Source: J. Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on Information Theory 37,
    1991.
    """
    edges = np.union1d(before.edges, after.edges)
    return _divergence(_recut(before, edges), _recut(after, edges))


def _recut(buckets: Buckets, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    passed = np.concatenate([[0.0], np.cumsum(buckets.counts)])
    return np.diff(np.interp(edges, buckets.edges, passed))


def _divergence(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    if not before.sum() or not after.sum():
        return 0.0
    p, q = before / before.sum(), after / after.sum()
    middle = (p + q) / 2
    return max(0.0, (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2)


def _relative_entropy(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    occurs = p > 0
    return float(np.sum(p[occurs] * np.log2(p[occurs] / q[occurs])))
