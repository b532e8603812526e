"""Summaries as messages of tensorflow-metadata; what stands where is told at the head of `statistics_io.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TypeAlias

from tensorflow_metadata.proto.v0 import statistics_pb2

from slipline.components.statistics.bins import Bin
from slipline.components.statistics.feature_statistics import SplitSummary
from slipline.components.statistics.feature_summary import FeatureSummary
from slipline.components.statistics.image_summary import ImageSummary
from slipline.components.statistics.number_summary import NumberSummary
from slipline.components.statistics.text_summary import TextSummary
from slipline.components.statistics.value_counts import ranked

FeatureStatistics: TypeAlias = statistics_pb2.FeatureNameStatistics
Custom: TypeAlias = statistics_pb2.CustomStatistic

RECORD = "(record)"
VALUE_COUNTS = "value_counts"
QUANTILES = 10
MOST_TOP_VALUES = 20


def dataset_message(name: str, summary: SplitSummary) -> statistics_pb2.DatasetFeatureStatistics:
    """The statistics of a split or slice called `name`."""
    features = [_feature(name, feature, summary.records) for name, feature in sorted(summary.features.items())]
    for feature in features:
        if feature.name in summary.not_sliced:
            feature.custom_stats.append(_number("not_sliced", 1))
    if summary.not_examples:
        features.append(_record_feature(summary))
    return statistics_pb2.DatasetFeatureStatistics(name=name, num_examples=summary.records, features=features)


def _record_feature(summary: SplitSummary) -> FeatureStatistics:
    common = statistics_pb2.CommonStatistics(
        num_non_missing=summary.records - summary.not_examples, num_missing=summary.not_examples
    )
    return FeatureStatistics(
        name=RECORD,
        type=FeatureStatistics.STRUCT,
        struct_stats=statistics_pb2.StructStatistics(common_stats=common),
        custom_stats=[_number("not_tf_example", summary.not_examples)],
    )


def _feature(name: str, summary: FeatureSummary, records: int) -> FeatureStatistics:
    integers = summary.integers.moments.count
    floats = summary.floats.moments.count + summary.floats.moments.not_finite
    most = max(integers, floats, summary.sizes.count)
    feature = FeatureStatistics(name=name)
    common = _common(summary.valency, records)
    if integers == most > 0:
        _set_integers(feature, summary.integers, common)
    elif floats == most > 0:
        _set_floats(feature, summary.floats, common)
    elif summary.texts.is_text and summary.texts.values == summary.sizes.count:
        _set_text(feature, summary, common)
    else:
        _set_bytes(feature, summary, common)
    feature.custom_stats.extend(_unless_zero("values_of_other_types", integers + floats + summary.sizes.count - most))
    return feature


def _common(valency: NumberSummary, records: int) -> statistics_pb2.CommonStatistics:
    moments = valency.moments
    common = statistics_pb2.CommonStatistics(num_non_missing=moments.count, num_missing=records - moments.count)
    if moments.count:
        common.min_num_values = int(moments.minimum)
        common.max_num_values = int(moments.maximum)
        common.avg_num_values = moments.mean
        common.tot_num_values = round(moments.total)
        common.num_values_histogram.CopyFrom(_quantiles(valency))
    return common


def _set_integers(feature: FeatureStatistics, summary: NumberSummary, common: statistics_pb2.CommonStatistics) -> None:
    feature.type = FeatureStatistics.INT
    feature.num_stats.CopyFrom(_numeric(summary, common))
    feature.custom_stats.extend(_number_counts(VALUE_COUNTS, summary))
    feature.custom_stats.extend(_number_errors(summary))


def _set_floats(feature: FeatureStatistics, summary: NumberSummary, common: statistics_pb2.CommonStatistics) -> None:
    feature.type = FeatureStatistics.FLOAT
    feature.num_stats.CopyFrom(_numeric(summary, common))
    feature.custom_stats.extend(_number_errors(summary))
    feature.custom_stats.extend(_unless_zero("not_finite", summary.moments.not_finite))


def _set_text(feature: FeatureStatistics, summary: FeatureSummary, common: statistics_pb2.CommonStatistics) -> None:
    feature.type = FeatureStatistics.STRING
    feature.string_stats.CopyFrom(_string(summary.texts, common))
    if summary.texts.counts is not None:
        feature.custom_stats.append(Custom(name=VALUE_COUNTS, rank_histogram=feature.string_stats.rank_histogram))
    feature.custom_stats.extend(_distinct(summary.texts.distinct, summary.texts.distinct_error))
    feature.custom_stats.extend(_unless_zero("top_values_error", summary.texts.ranked_error))
    feature.custom_stats.append(_histogram("encoded_size_bytes", summary.size_bins))


def _set_bytes(feature: FeatureStatistics, summary: FeatureSummary, common: statistics_pb2.CommonStatistics) -> None:
    feature.type = FeatureStatistics.BYTES
    feature.bytes_stats.CopyFrom(_bytes(summary, common))
    feature.custom_stats.extend(_distinct(summary.distinct_bytes, summary.distinct_bytes_error))
    feature.custom_stats.append(_histogram("encoded_size_bytes", summary.size_bins))
    feature.custom_stats.extend(_images(summary.images, summary.texts))


def _numeric(summary: NumberSummary, common: statistics_pb2.CommonStatistics) -> statistics_pb2.NumericStatistics:
    moments = summary.moments
    if moments.count == 0:  # every value is NaN or infinite
        return statistics_pb2.NumericStatistics(common_stats=common)
    return statistics_pb2.NumericStatistics(
        common_stats=common,
        mean=moments.mean,
        std_dev=moments.std_dev,
        num_zeros=moments.zeros,
        min=moments.minimum,
        median=summary.quantiles(2)[1],
        max=moments.maximum,
        histograms=[_buckets(summary.bins), _quantiles(summary)],
    )


def _quantiles(summary: NumberSummary) -> statistics_pb2.Histogram:
    share = summary.moments.count / QUANTILES
    buckets = [
        statistics_pb2.Histogram.Bucket(low_value=low, high_value=high, sample_count=share)
        for low, high in pairwise(summary.quantiles(QUANTILES))
    ]
    return statistics_pb2.Histogram(buckets=buckets, type=statistics_pb2.Histogram.QUANTILES)


def _number_errors(summary: NumberSummary) -> Iterator[Custom]:
    yield from _distinct(summary.distinct, summary.distinct_error)
    yield _number("quantile_rank_error", summary.rank_error)


def _distinct(values: float, error: float) -> Iterator[Custom]:
    yield _number("distinct_values", round(values))
    yield _number("distinct_error", error)


def _string(texts: TextSummary, common: statistics_pb2.CommonStatistics) -> statistics_pb2.StringStatistics:
    order = texts.ranked()
    return statistics_pb2.StringStatistics(
        common_stats=common,
        unique=round(texts.distinct),
        top_values=[
            statistics_pb2.StringStatistics.FreqAndValue(value=value, frequency=count)
            for value, count in order[:MOST_TOP_VALUES]
        ],
        avg_length=texts.characters / texts.values,
        rank_histogram=_rank_histogram(order),
    )


def _bytes(summary: FeatureSummary, common: statistics_pb2.CommonStatistics) -> statistics_pb2.BytesStatistics:
    sizes = summary.sizes
    if sizes.count == 0:
        return statistics_pb2.BytesStatistics(common_stats=common)
    return statistics_pb2.BytesStatistics(
        common_stats=common,
        unique=round(summary.distinct_bytes),
        avg_num_bytes=sizes.mean,
        min_num_bytes=sizes.minimum,
        max_num_bytes=sizes.maximum,
        max_num_bytes_int=int(sizes.maximum),
    )


def _images(images: ImageSummary, others: TextSummary) -> Iterator[Custom]:
    if images.decoded == 0:  # bytes of some other kind: they are not "undecodable images"
        return
    yield _number("decoded_images", images.decoded)
    yield _number("undecodable_images", others.values)
    for name, sizes in (("height", images.heights), ("width", images.widths), ("channels", images.channels)):
        yield _number(f"decoded_{name}_min", sizes.moments.minimum)
        yield _number(f"decoded_{name}_max", sizes.moments.maximum)
        yield from _number_counts(f"decoded_{name}", sizes)
    yield Custom(name="decoded_mode", rank_histogram=_rank_histogram(ranked(images.modes.items())))
    pixels = images.pixels.moments
    yield _number("pixel_mean", pixels.mean)
    yield _number("pixel_std_dev", pixels.std_dev)
    yield _number("pixel_min", pixels.minimum)
    yield _number("pixel_max", pixels.maximum)
    counts = enumerate(images.pixels.counts.tolist())
    yield _histogram("pixel_histogram", (Bin(low=value, high=value + 1, count=count) for value, count in counts))


def _number_counts(name: str, summary: NumberSummary) -> Iterator[Custom]:
    if summary.counts is not None:
        order = [(str(value), count) for value, count in ranked(summary.counts.items())]
        yield Custom(name=name, rank_histogram=_rank_histogram(order))


def _rank_histogram(order: Iterable[tuple[str, int]]) -> statistics_pb2.RankHistogram:
    buckets = [
        statistics_pb2.RankHistogram.Bucket(low_rank=rank, high_rank=rank, label=label, sample_count=count)
        for rank, (label, count) in enumerate(order)
    ]
    return statistics_pb2.RankHistogram(buckets=buckets)


def _unless_zero(name: str, value: int) -> Iterator[Custom]:
    if value:
        yield _number(name, value)


def _number(name: str, value: float) -> Custom:
    return Custom(name=name, num=value)


def _histogram(name: str, bins: Iterable[Bin]) -> Custom:
    return Custom(name=name, histogram=_buckets(bins))


def _buckets(bins: Iterable[Bin]) -> statistics_pb2.Histogram:
    buckets = [
        statistics_pb2.Histogram.Bucket(low_value=each.low, high_value=each.high, sample_count=each.count)
        for each in bins
    ]
    return statistics_pb2.Histogram(buckets=buckets, type=statistics_pb2.Histogram.STANDARD)
