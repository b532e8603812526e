"""Statistics: what the examples look like, counted from every record and readable by other tools."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from slipline.components.artifacts import Examples, Shard, Split
from slipline.components.beam.beam_options import BeamSettings
from slipline.components.errors import BadData
from slipline.components.examples.example_records import encode_example
from slipline.components.files.tfrecord_files import write_records
from slipline.components.statistics.duplicates import read_duplicates
from slipline.components.statistics.statistics_io import (
    common_statistics,
    custom_number,
    label_counts,
    slice_statistics,
    split_statistics,
    value_counts,
)
from slipline.components.statistics.statistics_messages import RECORD
from slipline.components.steps.compute_statistics import ComputeStatisticsParams, compute_statistics
from slipline.serving.wire.example_pb2 import Example
from tests.components.tabular import record_of

pytestmark = pytest.mark.slow  # real processes, or whole steps, for each test

MNIST = Path(__file__).parents[3] / "data/mnist/3.0.1"
TRAIN_LABELS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
TEST_LABELS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def named(dataset):
    """The features of a data set, by name."""
    return {feature.name: feature for feature in dataset.features}


def features_of(statistics):
    """The features of the first split, by name."""
    return named(next(iter(split_statistics(statistics).values())))


def mnist_examples():
    splits = [
        Split(name=name, shards=(Shard(file=f"mnist-{name}.tfrecord-00000-of-00001", records=records, source="mnist"),))
        for name, records in (("train", 60_000), ("test", 10_000))
    ]
    return Examples(path=MNIST, splits=tuple(splits))


def test_mnist_is_described_as_it_is_known(tmp_path):
    """The label counts, the sizes and the pixel mean of MNIST as published."""
    statistics = compute_statistics(mnist_examples(), BeamSettings(), tmp_path)
    found = split_statistics(statistics)
    assert {name: split.num_examples for name, split in found.items()} == {"train": 60_000, "test": 10_000}
    train, test = map(named, found.values())
    assert value_counts(train["label"]) == dict(enumerate(TRAIN_LABELS))
    assert value_counts(test["label"]) == dict(enumerate(TEST_LABELS))
    assert value_counts(train["image"], "decoded_height") == {28: 60_000}
    assert value_counts(train["image"], "decoded_channels") == {1: 60_000}
    assert custom_number(train["image"], "pixel_mean") == pytest.approx(0.1307 * 255, abs=0.02)
    assert custom_number(train["image"], "pixel_std_dev") == pytest.approx(0.3081 * 255, abs=0.02)
    assert custom_number(train["image"], "undecodable_images") == 0
    assert train["label"].num_stats.mean == pytest.approx(sum(i * n for i, n in enumerate(TRAIN_LABELS)) / 60_000)
    assert label_counts(train["image"], "decoded_mode") == {"L": 60_000}
    slices = slice_statistics(statistics, "train")
    assert list(slices) == [f"label={digit}" for digit in range(10)]
    assert [slices[name].num_examples for name in slices] == TRAIN_LABELS
    # A one has the least ink of all digits, a zero the most.
    ink = {name: custom_number(named(part)["image"], "pixel_mean") for name, part in slices.items()}
    assert (min(ink, key=ink.get), max(ink, key=ink.get)) == ("label=1", "label=0")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["duplicates.json", "statistics.binpb"]
    assert sum(copies.records for copies in read_duplicates(statistics).copies) == 0


def test_several_shards_are_described_together(plane, digits):
    plane.write("train", digits[:3], "a.tfrecord")
    plane.write("train", digits[3:], "b.tfrecord")
    label = features_of(plane.statistics(plane.ingest()))["label"].num_stats
    assert (label.common_stats.num_non_missing, label.common_stats.num_missing) == (10, 0)
    assert (label.min, label.max, label.num_zeros, label.mean, label.median) == (0, 9, 1, 4.5, 4)
    assert sum(bucket.sample_count for bucket in label.histograms[0].buckets) == 10


def test_records_without_a_feature_are_counted_as_missing_it(plane, digits):
    plane.write("train", [*digits, Example().SerializeToString()])
    common = features_of(plane.statistics(plane.ingest()))["label"].num_stats.common_stats
    assert (common.num_non_missing, common.num_missing) == (10, 1)


def test_records_that_are_no_example_are_counted_not_fatal(plane, digits):
    plane.write("train", [*digits, b"\xff\xff", b"\xff"])
    statistics = plane.statistics(plane.ingest())
    assert split_statistics(statistics)["train"].num_examples == 12
    assert custom_number(features_of(statistics)[RECORD], "not_tf_example") == 2


def test_images_that_do_not_decode_are_counted(plane, digits, png):
    plane.write("train", [*digits, encode_example(png()[:-20], 3)])
    image = features_of(plane.statistics(plane.ingest()))["image"]
    assert custom_number(image, "decoded_images") == 10
    assert custom_number(image, "undecodable_images") == 1


def test_a_shard_damaged_since_ingest_is_bad_data(plane, digits):
    plane.write("train", digits)
    examples = plane.ingest()
    (file,) = examples.files("train")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(BadData, match=r"train-00000-of-00001.tfrecord: record 9"):
        plane.statistics(examples)


def test_a_shard_with_other_records_than_stated_is_bad_data(tmp_path):
    """Records that vanish between two steps are never passed over."""
    shards = (Shard(file="mnist-test.tfrecord-00000-of-00001", records=10_001, source="mnist"),)
    examples = Examples(path=MNIST, splits=(Split(name="test", shards=shards),))
    with pytest.raises(BadData, match="wanted the 10,001 records that were written to it, got 10,000"):
        compute_statistics(examples, BeamSettings(), tmp_path)


ROWS = 4_000


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Examples of tabular records in three shards, and their columns; NaN or None where a value is missing."""
    folder = tmp_path_factory.mktemp("table")
    random = np.random.default_rng(11)
    columns = {
        "age": [None if number % 10 == 0 else int(age) for number, age in enumerate(random.integers(0, 90, ROWS))],
        "id": random.permutation(ROWS).tolist(),
        "income": np.float32(random.lognormal(10, 1, ROWS)).tolist(),
        "score": np.float32(random.integers(0, 9, ROWS) / 8).tolist(),
        "city": random.choice(["Oslo", "Bergen", "Tromsø"], ROWS, p=[0.5, 0.3, 0.2]).tolist(),
        "label": random.integers(0, 3, ROWS).tolist(),
    }
    records = [record_of(dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
    shards = []
    for number, start in enumerate(range(0, ROWS, 1_500)):
        part = records[start : start + 1_500]
        write_records(folder / f"shard-{number}", part)
        shards.append(Shard(file=f"shard-{number}", records=len(part), source="table"))
    return Examples(path=folder, splits=(Split(name="all", shards=tuple(shards)),)), columns


@pytest.fixture(scope="module")
def described(table, tmp_path_factory):
    return compute_statistics(table[0], BeamSettings(), tmp_path_factory.mktemp("statistics"))


def assert_numbers(feature, values):
    """What the statistics say of `values`, in which NaN is missing, is what NumPy says."""
    present = values[~np.isnan(values)]
    stats, common = feature.num_stats, common_statistics(feature)
    assert (common.num_non_missing, common.num_missing) == (present.size, values.size - present.size)
    assert stats.mean == pytest.approx(present.mean())
    assert stats.std_dev == pytest.approx(present.std())
    assert (stats.min, stats.max) == (present.min(), present.max())
    assert stats.num_zeros == np.count_nonzero(present == 0)
    assert sum(bucket.sample_count for bucket in stats.histograms[0].buckets) == present.size
    error = custom_number(feature, "quantile_rank_error")
    ordered = np.sort(present)
    for share, quantile in [
        (0.5, stats.median),
        *((i / 10, b.low_value) for i, b in enumerate(stats.histograms[1].buckets)),
    ]:
        assert np.searchsorted(ordered, quantile, "left") / present.size <= share + 3 * error
        assert np.searchsorted(ordered, quantile, "right") / present.size >= share - 3 * error


def test_a_table_is_described_as_numpy_describes_it(table, described):
    columns = {name: np.array(values) for name, values in table[1].items() if name != "city"}
    columns["age"] = np.array(table[1]["age"], np.float64)
    features = features_of(described)
    for name, values in columns.items():
        assert_numbers(features[name], values)
    city = features["city"].string_stats
    texts, counts = np.unique(table[1]["city"], return_counts=True)
    assert {top.value: top.frequency for top in city.top_values} == dict(zip(texts, counts, strict=True))
    assert city.avg_length == pytest.approx(np.mean([len(text) for text in table[1]["city"]]))
    distinct = {name: custom_number(features[name], "distinct_values") for name in ("age", "city", "score")}
    assert distinct == {"age": 90, "city": 3, "score": 9}
    error = custom_number(features["id"], "distinct_error")
    assert custom_number(features["id"], "distinct_values") == pytest.approx(ROWS, rel=4 * error)


def test_the_slices_of_a_table_are_described_as_numpy_describes_their_rows(table, described):
    labels = np.array(table[1]["label"])
    slices = slice_statistics(described, "all")
    assert list(slices) == ["label=0", "label=1", "label=2"]
    for label, part in enumerate(slices.values()):
        features = named(part)
        assert part.num_examples == np.count_nonzero(labels == label)
        for name in ("id", "income", "score"):
            assert_numbers(features[name], np.array(table[1][name])[labels == label])


def test_what_is_written_is_tensorflow_metadatas_own_message(described):
    """Its viewers find splits and slices as data sets, each feature once and with its statistics."""
    found = statistics_pb2.DatasetFeatureStatisticsList.FromString(described.proto_path.read_bytes())
    assert [dataset.name for dataset in found.datasets] == ["all", "all/label=0", "all/label=1", "all/label=2"]
    for dataset in found.datasets:
        assert [feature.name for feature in dataset.features] == ["age", "city", "id", "income", "label", "score"]
        assert all(feature.WhichOneof("stats") for feature in dataset.features)


def slice_names(examples, out, **settings):
    out.mkdir()
    params = ComputeStatisticsParams(**settings)
    statistics = compute_statistics(examples, BeamSettings(), out, params)
    return list(slice_statistics(statistics, "all")), features_of(statistics)


def test_slices_are_made_by_every_feature_named_that_occurs(table, tmp_path):
    names, _ = slice_names(table[0], tmp_path / "out", slice_by=("city", "label", "colour"))
    assert names == ["city=Bergen", "city=Oslo", "city=Tromsø", "label=0", "label=1", "label=2"]


def test_records_without_the_feature_are_a_slice_of_their_own_and_the_last(table, tmp_path):
    names, _ = slice_names(table[0], tmp_path / "out", slice_by=("age",))
    assert names == [*(f"age={age}" for age in range(90)), "age=(missing)"]


def test_a_feature_with_too_many_values_is_not_sliced_by_and_says_so(table, tmp_path):
    names, features = slice_names(table[0], tmp_path / "out", slice_by=("id", "label"), max_slices=3)
    assert names == ["label=0", "label=1", "label=2"]
    assert (custom_number(features["id"], "not_sliced"), custom_number(features["label"], "not_sliced")) == (1, None)
    assert_numbers(features["income"], np.array(table[1]["income"]))


def test_no_slices_are_made_where_none_are_wanted(table, tmp_path):
    assert slice_names(table[0], tmp_path / "out", slice_by=())[0] == []


@pytest.mark.parametrize("settings", [{"max_slices": 0}, {"slice_by": ("a", "a")}, {"slice_by": ("",)}])
def test_slices_that_cannot_be_made_are_refused(settings):
    with pytest.raises(ValueError, match="must"):
        ComputeStatisticsParams(**settings)


def test_an_empty_split_is_described_too(tmp_path):
    write_records(tmp_path / "empty", [])
    splits = (
        Split(name="train", shards=(Shard(file="empty", records=0, source="x"),)),
        Split(name="test", shards=()),
    )
    statistics = compute_statistics(Examples(path=tmp_path, splits=splits), BeamSettings(), tmp_path)
    assert [split.num_examples for split in split_statistics(statistics).values()] == [0, 0]


def test_records_of_the_same_image_are_found_within_and_between_splits(plane, digits, png):
    plane.write("train", [*digits, encode_example(png(value=3), 8)])
    plane.write("test", [encode_example(png(value=5), 5), encode_example(png(value=77), 7)])
    statistics = plane.statistics(plane.ingest("train", "test"))
    duplicates = read_duplicates(statistics)
    assert [(each.split, each.of, each.records) for each in statistics.copies] == [
        ("train", "train", 1),
        ("test", "train", 1),
        ("test", "test", 0),
    ]
    assert [each.records for each in duplicates.copies] == [1, 1, 0]
