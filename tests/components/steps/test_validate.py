"""Validation: one bad record among good ones closes the gate, and is named so that its owner can find it."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from slipline.components.artifacts import Baseline, Schema
from slipline.components.beam.beam_options import BeamSettings
from slipline.components.errors import BadData
from slipline.components.examples.example_records import encode_example
from slipline.components.files.tfrecord_files import read_records
from slipline.components.steps.validate import validate
from slipline.components.validation.anomalies_io import read_anomalies
from slipline.components.validation.validate_settings import ValidateParams
from slipline.serving.wire.example_pb2 import Example

pytestmark = pytest.mark.slow  # real processes, or whole steps, for each test

IMAGE = """
feature { name: "image" type: BYTES presence { min_fraction: 1 } shape {} annotation { tag: "decoded_shape:28,28,1" } }
"""
LABEL = 'feature { name: "label" type: INT presence { min_fraction: 1 } shape {} int_domain { min: 0 max: 9 } }'


NO_BASELINE = Baseline(path=Path("no baseline"))


def only_reason(anomalies):
    (reason,) = anomalies.reasons
    assert not anomalies.passed
    return reason


def offenders(anomalies):
    return list(read_records(anomalies.path / "offenders.tfrecord"))


def schema(plane, *features):
    file = plane.home / "schema.pbtxt"
    file.write_text("\n".join(features))
    return Schema(path=file)


def test_good_records_pass(plane, digits):
    plane.write("train", digits)
    anomalies = plane.validate(plane.ingest())
    assert (anomalies.passed, anomalies.reasons) == (True, ())
    assert (anomalies.records, anomalies.offending) == (10, 0)
    assert offenders(anomalies) == []
    assert not read_anomalies(anomalies.proto_path).anomaly_info


def test_an_image_of_another_size_is_named_by_file_and_record(plane, digits, png):
    bad = encode_example(png(27, 28), 3)
    file = plane.write("train", [*digits, bad])
    anomalies = plane.validate(plane.ingest())
    assert only_reason(anomalies).startswith(
        "train: image: wanted 28 x 28 x 1 pixels, got 27 x 28 x 1 in 1 of 11 records, "
        f"first {file} record 10 (counted from 0); fix or remove the record, or change "
    )
    assert only_reason(anomalies).endswith("mnist.pbtxt if it is meant")
    assert (anomalies.records, anomalies.offending) == (11, 1)
    assert offenders(anomalies) == [bad]


def test_a_corrupt_png_is_named(plane, digits, png):
    image = bytearray(png())
    image[45] ^= 1
    bad = encode_example(bytes(image), 3)
    file = plane.write("train", [*digits[:4], bad, *digits[4:]])
    anomalies = plane.validate(plane.ingest())
    assert re.match(
        rf"train: image: wanted a whole PNG or JPEG image, got .* in 1 of 11 records, first {file} record 4 ",
        only_reason(anomalies),
    )
    assert offenders(anomalies) == [bad]


def test_a_label_out_of_range_is_named(plane, digits, png):
    plane.write("train", [*digits, encode_example(png(), 10), encode_example(png(), -1)])
    reason = only_reason(plane.validate(plane.ingest()))
    assert "train: label: wanted 0 to 9, got 10 or -1 in 2 of 12 records" in reason
    assert "record 10 (counted from 0), " in reason
    assert "fix or remove the records" in reason


def test_a_record_that_is_no_example_is_named(plane, digits):
    plane.write("train", [*digits, b"\xff\xff"])
    anomalies = plane.validate(plane.ingest())
    assert only_reason(anomalies).startswith("train: wanted a tf.Example, got other bytes in 1 of 11 records, first ")
    assert offenders(anomalies) == [b"\xff\xff"]


def test_a_feature_that_is_nowhere_is_said_once_for_the_split(plane, png):
    record = Example()
    record.features.feature["image"].bytes_list.value.append(png())
    plane.write("train", [record.SerializeToString()] * 3)
    anomalies = plane.validate(plane.ingest())
    assert "train: label: wanted a value, got none in any of 3 records, which have image" in only_reason(anomalies)
    assert anomalies.offending == 3


def test_a_feature_that_the_schema_does_not_know_is_named(plane, digits):
    record = Example.FromString(digits[0])
    record.features.feature["weight"].float_list.value.append(1.0)
    plane.write("train", [*digits, record.SerializeToString()])
    anomalies = plane.validate(plane.ingest())
    assert "train: weight: wanted only the features image, label, got this one too" in only_reason(anomalies)


def test_a_feature_present_too_seldom_is_named(plane, digits):
    record = Example.FromString(digits[0])
    del record.features.feature["label"]
    plane.write("train", [*digits[:2], record.SerializeToString(), record.SerializeToString()])
    rare = LABEL.replace("min_fraction: 1", "min_fraction: 0.75")
    anomalies = plane.validate(plane.ingest(), schema(plane, IMAGE, rare))
    assert "train: label: wanted a value in 75.0% of the records, got it in 2 of 4" in only_reason(anomalies)


def test_the_source_record_number_is_kept_across_shards_and_splits(plane, digits, png):
    """The record number counts within the owner's own file, not over the split."""
    bad = encode_example(png(29, 28), 3)
    plane.write("train", digits, "a.tfrecord")
    second = plane.write("train", [*digits[:5], bad], "b.tfrecord")
    test = plane.write("test", [bad])
    reasons = plane.validate(plane.ingest("train", "test")).reasons
    assert [reason.split(":")[0] for reason in reasons] == ["train", "test"]
    assert f"in 1 of 16 records, first {second} record 5 " in reasons[0]
    assert f"in 1 of 1 records, first {test} record 0 " in reasons[1]


def test_an_image_from_a_class_folder_is_named_by_its_own_file(plane, png):
    for name, height in (("a.png", 28), ("b.png", 27)):
        (plane.source / "train" / "0").mkdir(parents=True, exist_ok=True)
        (plane.source / "train" / "0" / name).write_bytes(png(height))
    reason = only_reason(plane.validate(plane.ingest()))
    assert f"first {plane.source}/train/0/b.png; fix" in reason


def test_every_offender_is_listed_even_where_the_reason_names_only_the_first(plane, digits, png):
    plane.write("train", [*digits, *[encode_example(png(), 10 + more) for more in range(20)]])
    anomalies = plane.validate(plane.ingest())
    assert "got 10 or 11 or 12 or others in 20 of 30 records" in only_reason(anomalies)
    with (anomalies.path / "offenders.csv").open(newline="") as listing:
        rows = list(csv.DictReader(listing))
    assert [row["got"] for row in rows] == [str(10 + more) for more in range(20)]
    assert rows[0]["where"].endswith("record 10 (counted from 0)")
    assert len(offenders(anomalies)) == anomalies.offending == 20


def test_anomalies_are_written_as_other_tools_read_them(plane, digits, png):
    plane.write("train", [*digits, encode_example(png(27, 28), 10)])
    anomalies = plane.validate(plane.ingest())
    found = read_anomalies(anomalies.proto_path)
    assert set(found.anomaly_info) == {"image", "label"}
    assert found.anomaly_info["label"].reason[0].description in anomalies.reasons
    assert [feature.name for feature in found.baseline.feature] == ["image", "label"]


def test_statistics_of_other_examples_are_refused(plane, digits):
    """The gate is never opened by somebody else's numbers."""
    plane.write("train", digits)
    examples = plane.ingest()
    statistics = plane.statistics(examples)
    fewer = type(plane)(plane.home / "fewer")
    fewer.write("train", digits[:5])
    with pytest.raises(BadData, match=r"wanted statistics of these examples, \{'train': 5\} records, got of"):
        validate(
            fewer.ingest(),
            statistics,
            NO_BASELINE,
            schema(plane, IMAGE, LABEL),
            ValidateParams(),
            BeamSettings(),
            plane.out("validate"),
        )


def test_a_shard_damaged_since_it_was_counted_is_refused_by_name(plane, digits):
    plane.write("train", digits)
    examples = plane.ingest()
    statistics = plane.statistics(examples)
    shard = examples.path / examples.splits[0].shards[0].file
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(BadData, match=rf"{shard}: record 9 \(counted from 0\) at byte"):
        validate(
            examples,
            statistics,
            NO_BASELINE,
            schema(plane, IMAGE, LABEL),
            ValidateParams(),
            BeamSettings(),
            plane.out("validate"),
        )


def test_the_schema_is_not_written_back(plane, digits):
    """A reviewed file is only read."""
    plane.write("train", digits)
    given = schema(plane, IMAGE, LABEL)
    before = given.path.read_bytes()
    plane.validate(plane.ingest(), given)
    assert given.path.read_bytes() == before
