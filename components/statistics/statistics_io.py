"""Statistics as a `DatasetFeatureStatisticsList`, so that existing tools read them, and back.

There is one data set for each split, named as the split (`train`), and after it one for each of its slices, named
`<split>/<feature>=<value>` (`train/label=7`). Slices by one feature add up to their split; records without the feature
are in `label=(missing)`, those with several values of it, or with one that is no integer and no text of at most 200
bytes, in `label=(other)`.

What stands where, besides what every type has in common (presence, and number of values with its quantiles):

* INT, FLOAT: `num_stats` with mean, population standard deviation, zeros, least, median, greatest, and two histograms:
  STANDARD, of up to 64 equally wide bins, and QUANTILES, of 10 bins with equally many values each. NaN and infinite
  values enter none of these.
* bytes that are all UTF-8 and no images: type STRING, `string_stats` with the number of different values, the 20 most
  frequent, the average length in characters, and the ranked counts.
* other bytes: type BYTES, `bytes_stats` with the number of different values (of images, by their pixels) and the
  average, least and greatest size.

What that format has no place for are custom statistics:

* of INT and STRING: `value_counts`, how often each value occurs, if there are at most 1,000 different ones;
* of INT, FLOAT, STRING and BYTES: `distinct_values`, how many different ones there are, and `distinct_error`, the
  relative standard error of that number: 0 means exact, which it is up to 1,000;
* of INT and FLOAT: `quantile_rank_error`, how far a quantile's rank may be off as a share of all values, in 99 % of
  cases: 0 means exact, which it is up to 1,000 different values; beyond, quantiles are randomised within that error;
* of STRING with more different values than that: `top_values_error`, by how many occurrences each frequency may be too
  high; only values that are certain to be frequent are listed;
* of bytes: `encoded_size_bytes`, a histogram of their sizes;
* of a feature with images: `decoded_images`, `undecodable_images`, `pixel_mean`, `pixel_std_dev`, `pixel_min`,
  `pixel_max` (0 to 255), `pixel_histogram`, `decoded_mode` (images by Pillow's name of the encoded mode), and for each
  of `decoded_height`, `decoded_width`, `decoded_channels` the counts under that name and its `_min` and `_max`;
* of a feature with values that are NaN or infinite: `not_finite`;
* of a feature with values of several types: `values_of_other_types`;
* of a feature by which the records should be sliced but are not, because it has too many different values:
  `not_sliced`, 1;
* of the feature `(record)`, there only if it is needed: `not_tf_example`, the records that are none.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from google.protobuf.message import DecodeError
from tensorflow_metadata.proto.v0 import statistics_pb2

from slipline.components.artifacts import Statistics
from slipline.components.errors import BadData
from slipline.components.statistics.feature_statistics import SplitSummary
from slipline.components.statistics.statistics_messages import VALUE_COUNTS, dataset_message

DatasetStatistics: TypeAlias = statistics_pb2.DatasetFeatureStatistics
FeatureStatistics: TypeAlias = statistics_pb2.FeatureNameStatistics


def write_statistics(summaries: Mapping[str, SplitSummary], file: Path) -> None:
    """Writes one data set of statistics for each split and slice, by name, a split before its slices."""
    statistics = statistics_pb2.DatasetFeatureStatisticsList(
        datasets=[dataset_message(name, summary) for name, summary in summaries.items()]
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


def split_statistics(statistics: Statistics) -> dict[str, DatasetStatistics]:
    """The statistics of each split by its name, in order, without slices.

    Raises:
      BadData: The file cannot be read.
    """
    splits: dict[str, DatasetStatistics] = {}
    for dataset in read_statistics(statistics).datasets:
        if not any(dataset.name.startswith(f"{split}/") for split in splits):
            splits[dataset.name] = dataset
    return splits


def slice_statistics(statistics: Statistics, split: str) -> dict[str, DatasetStatistics]:
    """The statistics of each slice of `split` by its name, such as `label=7`, in order.

    Raises:
      BadData: The file cannot be read.
    """
    start = f"{split}/"
    return {
        dataset.name.removeprefix(start): dataset
        for dataset in read_statistics(statistics).datasets
        if dataset.name.startswith(start)
    }


def value_counts(feature: FeatureStatistics, name: str = VALUE_COUNTS) -> dict[int, int] | None:
    """How often each integer occurs, such as each label; None if there were too many different ones to count."""
    counts = label_counts(feature, name)
    return None if counts is None else {int(label): count for label, count in counts.items()}


def label_counts(feature: FeatureStatistics, name: str = VALUE_COUNTS) -> dict[str, int] | None:
    """How often each value occurs, by its text; None if there were too many different ones to count."""
    for custom in feature.custom_stats:
        if custom.name == name:
            return {bucket.label: round(bucket.sample_count) for bucket in custom.rank_histogram.buckets}
    return None


def custom_number(feature: FeatureStatistics, name: str) -> float | None:
    """The custom statistic called `name`; None if there is none."""
    return next((float(custom.num) for custom in feature.custom_stats if custom.name == name), None)


def common_statistics(feature: FeatureStatistics) -> statistics_pb2.CommonStatistics:
    """What is counted of features of every type: presence and number of values."""
    kind = feature.WhichOneof("stats")
    return getattr(feature, kind).common_stats if kind else statistics_pb2.CommonStatistics()
