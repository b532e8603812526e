"""How a feature's values are distributed, as its statistics say, and how far two distributions lie apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from tensorflow_metadata.proto.v0 import statistics_pb2

from slipline.components.statistics.statistics_io import FeatureStatistics, label_counts

Array: TypeAlias = NDArray[np.float64]


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

    edges: Array
    counts: Array


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


def _recut(buckets: Buckets, edges: Array) -> Array:
    passed = np.concatenate([[0.0], np.cumsum(buckets.counts)])
    return np.diff(np.interp(edges, buckets.edges, passed))


def _divergence(before: Array, after: Array) -> float:
    if not before.sum() or not after.sum():
        return 0.0
    p, q = before / before.sum(), after / after.sum()
    middle = (p + q) / 2
    return max(0.0, (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2)


def _relative_entropy(p: Array, q: Array) -> float:
    occurs = p > 0
    return float(np.sum(p[occurs] * np.log2(p[occurs] / q[occurs])))


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a histogram tells of the share of values below a number.

    Attributes:
      edges: Of its buckets, not falling, float64 of shape [buckets + 1].
      shares: The share of the values in all buckets up to each edge, 0 to 1, of the same shape.
    """

    edges: Array
    shares: Array


@dataclass(frozen=True, kw_only=True)
class NumberShares:
    """What the statistics of a numeric feature tell of the share of values below a number.

    Attributes:
      bins: Equally wide buckets; a value on an edge is in the bucket above.
      quantiles: Buckets of equally many values; of those on an edge, some may be in the bucket below.
    """

    bins: Known
    quantiles: Known

    def between(self, cuts: Array) -> Array:
        """The share of the values below the first of the rising `cuts`, between each two, and from the last on."""
        least, most = self._bounds(cuts)
        edges = np.concatenate([self.bins.edges, self.quantiles.edges[1:-1]])
        shares = np.concatenate([self.bins.shares, self.quantiles.shares[1:-1]])
        order = np.lexsort((shares, edges))
        evenly = np.interp(cuts, edges[order], np.maximum.accumulate(shares[order]))
        below = np.maximum.accumulate(np.clip(evenly, least, most))
        return np.diff(below, prepend=0.0, append=1.0)

    def _bounds(self, cuts: Array) -> tuple[Array, Array]:
        """The least and the greatest share that may lie below each cut."""
        least = np.maximum(_share(self.bins, cuts, "right", 1), _share(self.quantiles, cuts, "left", 1))
        most = np.minimum(_share(self.bins, cuts, "left", 0), _share(self.quantiles, cuts, "left", 0))
        return least, np.maximum(least, most)


def _share(known: Known, cuts: Array, side: Literal["left", "right"], back: int) -> Array:
    """Of the edge at which each cut would be put in, or the one before it; 0 before the first and 1 after the last."""
    padded = np.concatenate([[0.0], known.shares, [1.0]])
    return padded[np.searchsorted(known.edges, cuts, side=side) + 1 - back]


def number_shares(feature: FeatureStatistics) -> NumberShares | None:
    """What is known of a feature's values; None if it is not numeric or has none."""
    found = {histogram.type: histogram for histogram in feature.num_stats.histograms if histogram.buckets}
    bins = found.get(statistics_pb2.Histogram.STANDARD)
    quantiles = found.get(statistics_pb2.Histogram.QUANTILES)
    return NumberShares(bins=_known(bins), quantiles=_known(quantiles)) if bins and quantiles else None


def _known(histogram: statistics_pb2.Histogram) -> Known:
    found = _buckets(histogram)
    return Known(edges=found.edges, shares=np.cumsum([0.0, *found.counts]) / found.counts.sum())


def decile_divergence(before: NumberShares, after: NumberShares) -> float:
    """The Jensen-Shannon divergence in bits, 0 to 1, the values cut into about ten buckets by the deciles of both.

    Equally wide buckets do not serve: their width follows from the greatest value, so that where a few values are huge,
    nearly all others share one bucket, and how they lie in it is guesswork. Two samples of one Pareto distribution then
    come out as far as half a bit apart.

    The share of values below a cut is read off both histograms of each, taken as evenly filled between what they tell.
    """
    deciles = np.sort(np.concatenate([before.quantiles.edges[1:-1], after.quantiles.edges[1:-1]]))
    cuts = np.unique(deciles[::2])
    edges = np.arange(len(cuts) + 2, dtype=np.float64)
    one, other = (Buckets(edges=edges, counts=shares.between(cuts)) for shares in (before, after))
    return jensen_shannon(one, other)
