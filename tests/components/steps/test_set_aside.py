"""Bad records can be set aside: the rest goes on, and nothing is lost on the way."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest

from slipline.components.artifacts import Anomalies, Schema
from slipline.components.beam.beam_options import BeamSettings
from slipline.components.errors import BadData, BeamFailed
from slipline.components.examples.example_records import encode_example
from slipline.components.examples.record_places import RecordPlaces
from slipline.components.files.tfrecord_files import read_records
from slipline.components.steps.set_aside import set_aside
from slipline.components.validation.validate_settings import ValidateParams
from tests.components.conftest import MNIST_SCHEMA, DataPlane

pytestmark = pytest.mark.slow  # each runs Beam several times

HALF = ValidateParams(policy="set_aside", max_set_aside=0.5)


def kept_records(examples, split="train"):
    return [record for file in examples.files(split) for record in read_records(file)]


def test_the_gate_opens_for_the_rest_and_what_was_set_aside_is_said_and_kept(plane, digits, png):
    bad = encode_example(png(27, 28), 3)
    file = plane.write("train", [*digits[:4], bad, *digits[4:]])
    anomalies = plane.validate(plane.ingest(), params=HALF)
    assert (anomalies.passed, anomalies.reasons, anomalies.set_aside) == (True, (), 1)
    assert f"in 1 of 11 records, first {file} record 4 " in anomalies.remarks[0]
    assert list(read_records(anomalies.path / "offenders.tfrecord")) == [bad]


def test_exactly_the_offenders_are_left_out(plane, digits, png):
    bad = [encode_example(png(27, 28), 3), encode_example(png(), 11)]
    plane.write("train", [bad[0], *digits[:4], bad[1], *digits[4:]], "a.tfrecord")
    plane.write("train", digits, "b.tfrecord")
    examples = plane.ingest()
    rest = set_aside(examples, plane.validate(examples, params=HALF), BeamSettings(), plane.out("rest"))
    assert kept_records(rest) == [*digits, *digits]
    assert (rest.records, rest.set_aside, examples.records) == (20, 2, 22)


def test_a_record_that_is_kept_keeps_its_number_in_its_source(plane, digits, png):
    plane.write("train", [encode_example(png(27, 28), 3), *digits])
    examples = plane.ingest()
    rest = set_aside(examples, plane.validate(examples, params=HALF), BeamSettings(), plane.out("rest"))
    (shard,) = rest.split("train").shards
    assert RecordPlaces(rest.path / shard.file, shard).source(0)[1] == 1


def test_images_that_are_files_stay_named_by_them(plane, png):
    for name, height in (("a.png", 27), ("b.png", 28), ("c.png", 28)):
        (plane.source / "train" / "0").mkdir(parents=True, exist_ok=True)
        (plane.source / "train" / "0" / name).write_bytes(png(height))
    examples = plane.ingest()
    rest = set_aside(examples, plane.validate(examples, params=HALF), BeamSettings(), plane.out("rest"))
    (shard,) = rest.split("train").shards
    assert RecordPlaces(rest.path / shard.file, shard).place(0).endswith("b.png")
    assert (rest.path / "classes.txt").read_text() == "0\n"


def test_shards_without_offenders_are_taken_along_whatever_the_split_is_called(plane, digits, png):
    name = "a [b] *"
    plane.write("train", [*digits, encode_example(png(27, 28), 3)])
    plane.write(name, digits)
    examples = plane.ingest("train", name)
    rest = set_aside(examples, plane.validate(examples, params=HALF), BeamSettings(), plane.out("rest"))
    assert kept_records(rest, name) == digits


def test_a_shard_that_is_gone_stops_the_run(plane, digits):
    plane.write("train", digits)
    examples = plane.ingest()
    anomalies = plane.validate(examples, params=HALF)
    examples.files("train")[0].unlink()
    with pytest.raises(BadData, match="wanted a shard of 10 records, got none; run again with --fresh"):
        set_aside(examples, anomalies, BeamSettings(), plane.out("rest"))


def test_more_bad_records_than_the_limit_allows_close_the_gate(plane, digits, png):
    plane.write("train", [*digits, *[encode_example(png(27, 28), 3)] * 2])
    anomalies = plane.validate(plane.ingest(), params=ValidateParams(policy="set_aside", max_set_aside=0.1))
    assert (anomalies.passed, anomalies.set_aside, anomalies.remarks) == (False, 0, ())
    assert anomalies.reasons[0].startswith(
        "train: wanted at most 10.00% of the records set aside, got 2 of 12; fix or remove them"
    )
    assert "27 x 28" in anomalies.reasons[1]


def test_a_split_is_never_set_aside_whole(plane, png):
    plane.write("train", [encode_example(png(27, 28), 3)])
    anomalies = plane.validate(plane.ingest(), params=ValidateParams(policy="set_aside", max_set_aside=1.0))
    assert "wanted records that are right, got none among 1" in anomalies.reasons[0]


def test_what_is_left_has_to_be_as_many_as_the_schema_wants(plane, digits, png):
    given = plane.home / "schema.pbtxt"
    plane.write("train", [*digits, encode_example(png(27, 28), 3)])
    examples = plane.ingest()
    for least, passes in ((10, True), (11, False)):
        constraint = f"dataset_constraints {{ min_examples_count: {least} }}"
        given.write_text(MNIST_SCHEMA.path.read_text() + constraint)
        home = DataPlane(plane.out(str(least)))
        anomalies = home.validate(examples, Schema(path=given), params=HALF)
        assert anomalies.passed == passes
    assert anomalies.reasons[0].startswith("train: wanted at least 11 records, got 10 without the 1 that are to be set")


def test_a_record_with_a_feature_too_many_is_set_aside_like_any_other(plane, digits, png):
    from slipline.serving.wire.example_pb2 import Example

    record = Example.FromString(digits[0])
    record.features.feature["weight"].float_list.value.append(1.0)
    plane.write("train", [*digits, record.SerializeToString()])
    anomalies = plane.validate(plane.ingest(), params=HALF)
    assert (anomalies.passed, anomalies.set_aside) == (True, 1)
    assert "train: weight: wanted only the features image, label, got this one too" in anomalies.remarks[0]


def test_what_is_wrong_with_the_split_as_a_whole_still_stops(plane, digits, png):
    plane.write("train", [*digits, digits[0], encode_example(png(27, 28), 3)])
    anomalies = plane.validate(plane.ingest(), params=replace(HALF, max_duplicates=0.0))
    assert not anomalies.passed
    assert "train: wanted at most 0.00% of the records to repeat an earlier one" in anomalies.reasons[0]


def test_records_that_are_neither_kept_nor_set_aside_stop_the_run(plane, digits, png, tmp_path):
    """The sum is checked, whoever miscounted."""
    plane.write("train", [*digits, encode_example(png(27, 28), 3)])
    examples = plane.ingest()
    told = plane.validate(examples, params=HALF)
    wrong = Anomalies(path=told.path, passed=True, records=11, offending=2, set_aside=2)
    with pytest.raises(BeamFailed, match="wanted 11 records kept or set aside, got 10 kept and 2 set aside"):
        set_aside(examples, wrong, BeamSettings(), plane.out("rest"))


def test_every_reason_for_setting_a_record_aside_is_listed(plane, digits, png):
    plane.write("train", [*digits, encode_example(png(27, 28), 11)])
    anomalies = plane.validate(plane.ingest(), params=HALF)
    with (anomalies.path / "offenders.csv").open(newline="") as listing:
        assert [row["kind"] for row in csv.DictReader(listing)] == ["wrong size", "out of domain"]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"policy": "ignore"}, "policy must be one of stop, set_aside, got 'ignore'"),
        *(
            ({name: value}, f"{name} must be in 0..1, got {value}")
            for name in ("max_set_aside", "max_duplicates", "max_leaks")
            for value in (-0.01, 1.01)
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, problem):
    with pytest.raises(ValueError, match=problem):
        ValidateParams(**settings)


def test_limits_may_allow_nothing_and_everything():
    for limit in (0, 1):
        ValidateParams(max_set_aside=limit, max_duplicates=limit, max_leaks=limit)
