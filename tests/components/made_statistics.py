"""Statistics as `compute_statistics` writes them, made from plain lists of values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from tensorflow_metadata.proto.v0 import statistics_pb2 as pb

Values = Sequence[int] | Sequence[float] | Sequence[str]


def split(name: str, records: int, *features: pb.FeatureNameStatistics) -> pb.DatasetFeatureStatistics:
    """The statistics of a split; a feature is missing in the records that its values do not reach."""
    for feature in features:
        common = getattr(feature, str(feature.WhichOneof("stats"))).common_stats
        common.num_missing = records - common.num_non_missing
    return pb.DatasetFeatureStatistics(name=name, num_examples=records, features=features)


def feature(name: str, values: Values, **numbers: float) -> pb.FeatureNameStatistics:
    """One value a record, of the type of the first; `numbers` are custom statistics."""
    common = pb.CommonStatistics(
        num_non_missing=len(values),
        min_num_values=1 if values else 0,
        max_num_values=1 if values else 0,
        tot_num_values=len(values),
    )
    made = pb.FeatureNameStatistics(name=name)
    if values and isinstance(values[0], str):
        made.type = pb.FeatureNameStatistics.STRING
        made.string_stats.common_stats.CopyFrom(common)
    else:
        whole = bool(values) and isinstance(values[0], int)
        made.type = pb.FeatureNameStatistics.INT if whole else pb.FeatureNameStatistics.FLOAT
        made.num_stats.CopyFrom(_numbers(np.array(values, np.float64), common))
    if made.type != pb.FeatureNameStatistics.FLOAT and len(set(values)) <= 1_000:
        made.custom_stats.append(counted("value_counts", Counter(map(str, values))))
    made.custom_stats.extend(pb.CustomStatistic(name=key, num=number) for key, number in numbers.items())
    return made


def images(
    name: str, pixels: Sequence[int], sizes: dict[str, dict[str, int]], **numbers: float
) -> pb.FeatureNameStatistics:
    """An image a record; `pixels` holds how often each of the 256 values occurs, `sizes` the counts by name."""
    total = sum(next(iter(sizes.values())).values())
    common = pb.CommonStatistics(num_non_missing=total, min_num_values=1, max_num_values=1, tot_num_values=total)
    made = pb.FeatureNameStatistics(
        name=name, type=pb.FeatureNameStatistics.BYTES, bytes_stats=pb.BytesStatistics(common_stats=common)
    )
    made.custom_stats.extend(counted(key, counts) for key, counts in sizes.items())
    for key, number in {"decoded_images": total, **numbers}.items():
        made.custom_stats.append(pb.CustomStatistic(name=key, num=number))
    buckets = [pb.Histogram.Bucket(low_value=n, high_value=n + 1, sample_count=count) for n, count in enumerate(pixels)]
    made.custom_stats.append(pb.CustomStatistic(name="pixel_histogram", histogram=pb.Histogram(buckets=buckets)))
    return made


def counted(name: str, counts: dict[str, int]) -> pb.CustomStatistic:
    buckets = [pb.RankHistogram.Bucket(label=value, sample_count=count) for value, count in sorted(counts.items())]
    return pb.CustomStatistic(name=name, rank_histogram=pb.RankHistogram(buckets=buckets))


def _numbers(values: np.ndarray, common: pb.CommonStatistics) -> pb.NumericStatistics:
    made = pb.NumericStatistics(common_stats=common)
    if values.size:
        made.min, made.max = values.min(), values.max()
        counts, edges = np.histogram(values, 16)
        made.histograms.add(type=pb.Histogram.STANDARD, buckets=_buckets(edges, counts))
        deciles = np.quantile(values, np.linspace(0, 1, 11), method="inverted_cdf")
        made.histograms.add(type=pb.Histogram.QUANTILES, buckets=_buckets(deciles, [values.size / 10] * 10))
    return made


def _buckets(edges: Sequence[float], counts: Sequence[float]) -> list[pb.Histogram.Bucket]:
    return [
        pb.Histogram.Bucket(low_value=low, high_value=high, sample_count=count)
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
