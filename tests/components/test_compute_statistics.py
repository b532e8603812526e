"""Statistics: what the examples look like, counted from every record and readable by other tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.beam_options import BeamSettings
from components.compute_statistics import compute_statistics
from components.errors import BadData
from components.examples_io import encode_example
from components.statistics_io import RECORD, custom_number, read_statistics, value_counts
from pipeline.artifacts import Examples, Shard, Split, Statistics
from serving.wire.example_pb2 import Example

MNIST = Path(__file__).parents[2] / "data/mnist/3.0.1"


def features_of(statistics):
    """The features of the first split, by name."""
    return {feature.name: feature for feature in read_statistics(statistics).datasets[0].features}


def mnist_examples():
    splits = [
        Split(name=name, shards=(Shard(file=f"mnist-{name}.tfrecord-00000-of-00001", records=records, source="mnist"),))
        for name, records in (("train", 60_000), ("test", 10_000))
    ]
    return Examples(path=MNIST, splits=tuple(splits))


def test_mnist_is_described_as_it_is_known(tmp_path):
    """The label counts, the sizes and the pixel mean of MNIST as published."""
    found = read_statistics(compute_statistics(mnist_examples(), BeamSettings(), tmp_path))
    assert [(dataset.name, dataset.num_examples) for dataset in found.datasets] == [("train", 60_000), ("test", 10_000)]
    train, test = ({feature.name: feature for feature in dataset.features} for dataset in found.datasets)
    train_labels = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    test_labels = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert value_counts(train["label"]) == dict(enumerate(train_labels))
    assert value_counts(test["label"]) == dict(enumerate(test_labels))
    assert value_counts(train["image"], "decoded_height") == {28: 60_000}
    assert value_counts(train["image"], "decoded_channels") == {1: 60_000}
    assert custom_number(train["image"], "pixel_mean") == pytest.approx(0.1307 * 255, abs=0.02)
    assert custom_number(train["image"], "pixel_std_dev") == pytest.approx(0.3081 * 255, abs=0.02)
    assert custom_number(train["image"], "undecodable_images") == 0
    assert train["label"].num_stats.mean == pytest.approx(sum(i * n for i, n in enumerate(train_labels)) / 60_000)


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
    assert read_statistics(statistics).datasets[0].num_examples == 12
    assert custom_number(features_of(statistics)[RECORD], "not_tf_example") == 2


def test_images_that_do_not_decode_are_counted(plane, digits, png):
    plane.write("train", [*digits, encode_example(png()[:-20], 3)])
    image = features_of(plane.statistics(plane.ingest()))["image"]
    assert custom_number(image, "decoded_images") == 10
    assert custom_number(image, "undecodable_images") == 1


def test_bytes_that_are_no_images_are_not_called_so(plane):
    plane.write("train", [encode_example(b"some text", 1)])
    image = features_of(plane.statistics(plane.ingest()))["image"]
    assert image.bytes_stats.max_num_bytes_int == 9
    assert custom_number(image, "undecodable_images") is None


def test_floats_have_moments_and_what_is_not_finite_is_counted_apart(plane):
    records = []
    for value in (1.0, 3.0, float("nan")):
        record = Example()
        record.features.feature["score"].float_list.value.append(value)
        records.append(record.SerializeToString())
    plane.write("train", records)
    score = features_of(plane.statistics(plane.ingest()))["score"]
    assert (score.num_stats.mean, score.num_stats.std_dev) == (2.0, 1.0)
    assert custom_number(score, "not_finite") == 1


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
    with pytest.raises(BadData, match="wanted statistics of 10,001 records, Beam returned them of 10,000"):
        compute_statistics(examples, BeamSettings(), tmp_path)


def test_a_file_that_holds_no_statistics_is_bad_data(tmp_path):
    with pytest.raises(BadData, match="wanted a DatasetFeatureStatisticsList"):
        read_statistics(Statistics(path=tmp_path))
    (tmp_path / "statistics.binpb").write_bytes(b"\xff")
    with pytest.raises(BadData, match="wanted a DatasetFeatureStatisticsList"):
        read_statistics(Statistics(path=tmp_path))
