"""How far the distributions of two numeric features lie apart, by about ten buckets of equally many values.

Equally wide buckets do not serve: their width follows from the greatest value, so that where a few values are huge,
nearly all others share one bucket, and how they lie in it is guesswork. Two samples of one Pareto distribution then
come out as far as half a bit apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from tensorflow_metadata.proto.v0 import statistics_pb2

from slipline.components.statistics.distributions import Buckets, jensen_shannon

Array = NDArray[np.float64]


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


def number_shares(feature: statistics_pb2.FeatureNameStatistics) -> NumberShares | None:
    """What is known of a feature's values; None if it is not numeric or has none."""
    found = {histogram.type: histogram for histogram in feature.num_stats.histograms if histogram.buckets}
    bins = found.get(statistics_pb2.Histogram.STANDARD)
    quantiles = found.get(statistics_pb2.Histogram.QUANTILES)
    return NumberShares(bins=_known(bins), quantiles=_known(quantiles)) if bins and quantiles else None


def _known(histogram: statistics_pb2.Histogram) -> Known:
    counts = np.array([0.0, *(bucket.sample_count for bucket in histogram.buckets)])
    edges = [bucket.low_value for bucket in histogram.buckets] + [histogram.buckets[-1].high_value]
    return Known(edges=np.array(edges, np.float64), shares=np.cumsum(counts) / counts.sum())


def decile_divergence(before: NumberShares, after: NumberShares) -> float:
    """The Jensen-Shannon divergence in bits, 0 to 1, the values cut into about ten buckets by the deciles of both.

    The share of values below a cut is read off both histograms of each, taken as evenly filled between what they tell.
    """
    deciles = np.sort(np.concatenate([before.quantiles.edges[1:-1], after.quantiles.edges[1:-1]]))
    cuts = np.unique(deciles[::2])
    edges = np.arange(len(cuts) + 2, dtype=np.float64)
    one, other = (Buckets(edges=edges, counts=shares.between(cuts)) for shares in (before, after))
    return jensen_shannon(one, other)
