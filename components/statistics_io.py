"""Statistics as a `DatasetFeatureStatisticsList`, so that existing tools read them, and back.

What that format has no place for are custom statistics:

* of an INT feature: `value_counts`, how often each value occurs, if there are few different ones;
* of a feature with images: `decoded_images`, `undecodable_images`, `pixel_mean`, `pixel_std_dev`, `pixel_min`,
  `pixel_max` (0 to 255), `pixel_histogram`, and for each of `decoded_height`, `decoded_width`, `decoded_channels` the
  counts under that name and its `_min` and `_max`;
* of a feature with values that are NaN or infinite: `not_finite`;
* of a feature with values of several types: `values_of_other_types`;
* of the feature `(record)`, there only if it is needed: `not_tf_example`, the records that are none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.accumulators import Bin, Moments, NumberSummary, ValueCounts
from components.errors import BadData
from components.feature_statistics import FeatureSummary, ImageSummary, SplitSummary
from pipeline.artifacts import Statistics

RECORD = "(record)"
VALUE_COUNTS = "value_counts"

INT = statistics_pb2.FeatureNameStatistics.INT
FLOAT = statistics_pb2.FeatureNameStatistics.FLOAT
BYTES = statistics_pb2.FeatureNameStatistics.BYTES
STRUCT = statistics_pb2.FeatureNameStatistics.STRUCT


def write_statistics(splits: Mapping[str, SplitSummary], file: Path) -> None:
    """Writes one data set of statistics for each split."""
    statistics = statistics_pb2.DatasetFeatureStatisticsList(
        datasets=[_dataset(name, summary) for name, summary in splits.items()]
    )
    file.write_bytes(statistics.SerializeToString(deterministic=True))


def read_statistics(statistics: Statistics) -> statistics_pb2.DatasetFeatureStatisticsList:
    """The statistics as a message.

    Raises:
      BadData: There is no such file, or it is not one of statistics.
    """
    file = statistics.proto_path
    try:
        return statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes())
    except (FileNotFoundError, DecodeError) as error:
        raise BadData(f"{file}: wanted a DatasetFeatureStatisticsList, got: {error}; compute it again") from error


def value_counts(feature: statistics_pb2.FeatureNameStatistics, name: str = VALUE_COUNTS) -> dict[int, int] | None:
    """How often each value occurs, such as each label; None if there were too many different ones to count."""
    for custom in feature.custom_stats:
        if custom.name == name:
            return {int(bucket.label): round(bucket.sample_count) for bucket in custom.rank_histogram.buckets}
    return None


def custom_number(feature: statistics_pb2.FeatureNameStatistics, name: str) -> float | None:
    """The custom statistic called `name`; None if there is none."""
    return next((float(custom.num) for custom in feature.custom_stats if custom.name == name), None)


def common_statistics(feature: statistics_pb2.FeatureNameStatistics) -> statistics_pb2.CommonStatistics:
    """What is counted of features of every type: presence and number of values."""
    kind = feature.WhichOneof("stats")
    return getattr(feature, kind).common_stats if kind else statistics_pb2.CommonStatistics()


def _dataset(name: str, summary: SplitSummary) -> statistics_pb2.DatasetFeatureStatistics:
    features = [_feature(name, feature, summary.records) for name, feature in sorted(summary.features.items())]
    if summary.not_examples:
        features.append(_record_feature(summary))
    return statistics_pb2.DatasetFeatureStatistics(name=name, num_examples=summary.records, features=features)


def _record_feature(summary: SplitSummary) -> statistics_pb2.FeatureNameStatistics:
    common = statistics_pb2.CommonStatistics(
        num_non_missing=summary.records - summary.not_examples, num_missing=summary.not_examples
    )
    return statistics_pb2.FeatureNameStatistics(
        name=RECORD,
        type=STRUCT,
        struct_stats=statistics_pb2.StructStatistics(common_stats=common),
        custom_stats=[_number("not_tf_example", summary.not_examples)],
    )


def _feature(name: str, summary: FeatureSummary, records: int) -> statistics_pb2.FeatureNameStatistics:
    values = {
        INT: summary.integers.moments.count,
        FLOAT: summary.floats.moments.count + summary.floats.moments.not_finite,
        BYTES: summary.sizes.count,
    }
    kind = max(values, key=lambda kind: values[kind])
    feature = statistics_pb2.FeatureNameStatistics(name=name, type=kind)
    common = _common(summary.valency, records)
    if kind == INT:
        feature.num_stats.CopyFrom(_numeric(summary.integers, common))
        feature.custom_stats.extend(_value_counts(VALUE_COUNTS, summary.integers.values))
    elif kind == FLOAT:
        feature.num_stats.CopyFrom(_numeric(summary.floats, common))
        feature.custom_stats.extend(_unless_zero("not_finite", summary.floats.moments.not_finite))
    else:
        feature.bytes_stats.CopyFrom(_bytes(summary.sizes, common))
        feature.custom_stats.append(_histogram("encoded_size_bytes", summary.size_bins))
        feature.custom_stats.extend(_images(summary.images))
    feature.custom_stats.extend(_unless_zero("values_of_other_types", sum(values.values()) - values[kind]))
    return feature


def _common(valency: Moments, records: int) -> statistics_pb2.CommonStatistics:
    return statistics_pb2.CommonStatistics(
        num_non_missing=valency.count,
        num_missing=records - valency.count,
        min_num_values=int(valency.minimum) if valency.count else 0,
        max_num_values=int(valency.maximum) if valency.count else 0,
        avg_num_values=valency.mean,
        tot_num_values=round(valency.total),
    )


def _numeric(summary: NumberSummary, common: statistics_pb2.CommonStatistics) -> statistics_pb2.NumericStatistics:
    moments = summary.moments
    return statistics_pb2.NumericStatistics(
        common_stats=common,
        mean=moments.mean,
        std_dev=moments.std_dev,
        num_zeros=moments.zeros,
        min=moments.minimum,
        median=summary.median,
        max=moments.maximum,
        histograms=[_buckets(summary.bins)],
    )


def _bytes(sizes: Moments, common: statistics_pb2.CommonStatistics) -> statistics_pb2.BytesStatistics:
    if sizes.count == 0:
        return statistics_pb2.BytesStatistics(common_stats=common)
    return statistics_pb2.BytesStatistics(
        common_stats=common,
        avg_num_bytes=sizes.mean,
        min_num_bytes=sizes.minimum,
        max_num_bytes=sizes.maximum,
        max_num_bytes_int=int(sizes.maximum),
    )


def _images(images: ImageSummary) -> Iterable[statistics_pb2.CustomStatistic]:
    decoded = images.heights.moments.count
    if decoded == 0:  # bytes of some other kind: they are not "undecodable images"
        return
    yield _number("decoded_images", decoded)
    yield _number("undecodable_images", images.undecodable)
    for name, sizes in (("height", images.heights), ("width", images.widths), ("channels", images.channels)):
        yield _number(f"decoded_{name}_min", sizes.moments.minimum)
        yield _number(f"decoded_{name}_max", sizes.moments.maximum)
        yield from _value_counts(f"decoded_{name}", sizes.values)
    pixels = images.pixels.moments
    yield _number("pixel_mean", pixels.mean)
    yield _number("pixel_std_dev", pixels.std_dev)
    yield _number("pixel_min", pixels.minimum)
    yield _number("pixel_max", pixels.maximum)
    yield _histogram(
        "pixel_histogram",
        (Bin(low=value, high=value + 1, count=count) for value, count in enumerate(images.pixels.counts.tolist())),
    )


def _value_counts(name: str, values: ValueCounts) -> Iterable[statistics_pb2.CustomStatistic]:
    if values.counts is None:
        return
    ranked = sorted(values.counts.items(), key=lambda item: (-item[1], item[0]))
    buckets = [
        statistics_pb2.RankHistogram.Bucket(low_rank=rank, high_rank=rank, label=str(value), sample_count=count)
        for rank, (value, count) in enumerate(ranked)
    ]
    yield statistics_pb2.CustomStatistic(name=name, rank_histogram=statistics_pb2.RankHistogram(buckets=buckets))


def _unless_zero(name: str, value: int) -> Iterable[statistics_pb2.CustomStatistic]:
    if value:
        yield _number(name, value)


def _number(name: str, value: float) -> statistics_pb2.CustomStatistic:
    return statistics_pb2.CustomStatistic(name=name, num=value)


def _histogram(name: str, bins: Iterable[Bin]) -> statistics_pb2.CustomStatistic:
    return statistics_pb2.CustomStatistic(name=name, histogram=_buckets(bins))


def _buckets(bins: Iterable[Bin]) -> statistics_pb2.Histogram:
    buckets = [
        statistics_pb2.Histogram.Bucket(low_value=each.low, high_value=each.high, sample_count=each.count)
        for each in bins
    ]
    return statistics_pb2.Histogram(buckets=buckets, type=statistics_pb2.Histogram.STANDARD)
