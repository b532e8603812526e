"""The proposed schema: what the data fit, no narrower than a person would want it, with what looks odd pointed out."""

from __future__ import annotations

import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from slipline.components.examples.example_records import encode_example
from slipline.components.features.schema_io import ExampleSpec, ImageFeature, LabelFeature, example_spec, read_schema
from slipline.components.steps.infer_schema import infer_schema, proposed_schema
from slipline.serving.wire.example_pb2 import Example
from tests.components.made_statistics import feature, split

pytestmark = pytest.mark.slow  # real processes, or whole steps, for each test


def proposed(plane, *splits):
    return infer_schema(plane.statistics(plane.ingest(*splits)), plane.out("schema"))


def features_of(schema):
    return {feature.name: feature for feature in read_schema(schema).feature}


def proposed_feature(*values, records=None, **numbers):
    """What is proposed for one feature with these values in train, test, ..."""
    names = ("train", "test", "more")
    splits = [
        split(name, records or max(1, len(found)), feature("x", found, **numbers))
        for name, found in zip(names, values, strict=False)
    ]
    return proposed_schema({each.name: each for each in splits}).feature[0]


def test_good_digits_make_the_schema_that_training_needs(plane, digits):
    plane.write("train", digits)
    assert example_spec(proposed(plane)) == ExampleSpec(
        image=ImageFeature(name="image", height=28, width=28, channels=1), label=LabelFeature(name="label", classes=10)
    )


def test_the_data_pass_the_schema_inferred_from_them(plane, digits):
    plane.write("train", digits)
    plane.write("test", digits[:3])
    schema = proposed(plane, "train", "test")
    again = type(plane)(plane.home / "again")
    again.write("train", digits)
    again.write("test", digits[:3])
    assert again.validate(again.ingest("train", "test"), schema).reasons == ()


def test_tables_pass_the_schema_inferred_from_them(plane):
    records = []
    for number in range(200):
        record = Example()
        record.features.feature["colour"].bytes_list.value.append((b"red", b"blue", "grün".encode())[number % 3])
        record.features.feature["size"].float_list.value.append(number**3)
        record.features.feature["code"].int64_list.value.append(10 + number % 4)
        if number % 5:
            record.features.feature["name"].bytes_list.value.append(b"name %d" % number)
        records.append(record.SerializeToString())
    for split_name in ("train", "test"):
        plane.write(split_name, records)
    schema = proposed(plane, "train", "test")
    assert list(features_of(schema)["colour"].string_domain.value) == ["blue", "grün", "red"]
    again = type(plane)(plane.home / "again")
    for split_name in ("train", "test"):
        again.write(split_name, records)
    assert again.validate(again.ingest("train", "test"), schema).reasons == ()


def test_values_that_are_all_not_a_number_get_no_bounds(plane):
    record = Example()
    record.features.feature["x"].float_list.value.append(float("nan"))
    plane.write("train", [record.SerializeToString()])
    domain = features_of(proposed(plane))["x"].float_domain
    assert not domain.HasField("min")
    assert not domain.HasField("disallow_nan")


def test_the_file_says_that_it_is_a_proposal_and_of_what_but_no_place(plane, digits):
    plane.write("train", digits)
    text = proposed(plane).proto_path.read_text()
    assert text.startswith("# Proposed from the statistics of train (10 records).\n# It approves the very data")
    assert str(plane.home) not in text


def test_images_of_several_sizes_get_the_commonest_and_a_comment(plane, digits, png):
    plane.write("train", [*digits, encode_example(png(27, 28), 1), encode_example(b"no image", 1)])
    annotation = features_of(proposed(plane))["image"].annotation
    assert list(annotation.tag) == ["decoded_shape:28,28,1"]
    assert annotation.comment[:2] == [
        "decoded_height is not always the same: 28 (10), 27 (1)",
        "values in train that are no readable image: 1",
    ]


def test_a_record_that_is_no_example_is_pointed_out(plane, digits):
    plane.write("train", [*digits, b"no example"])
    assert list(read_schema(proposed(plane)).annotation.comment) == ["records of train that are no tf.Example: 1"]


def test_lists_get_a_length_or_a_range_of_lengths(plane):
    records = []
    for length in (2, 3):
        record = Example()
        record.features.feature["fixed"].float_list.value.extend([0.5, 1.5])
        record.features.feature["ragged"].float_list.value.extend([0.5] * length)
        records.append(record.SerializeToString())
    plane.write("train", records)
    features = features_of(proposed(plane))
    assert [dim.size for dim in features["fixed"].shape.dim] == [2]
    assert (features["ragged"].value_count.min, features["ragged"].value_count.max) == (2, 3)


@pytest.mark.parametrize(
    ("present", "least"), [(1_000, 1.0), (990, 0.98), (500, 0.45), (1, 0.0)], ids=["always", "mostly", "half", "once"]
)
def test_presence_is_a_little_below_what_was_seen(present, least):
    presence = proposed_feature([1.5] * present, records=1_000).presence
    assert presence.min_fraction == pytest.approx(least)
    assert presence.min_count == 1


def test_a_feature_that_one_split_lacks_is_not_required_and_pointed_out():
    splits = {
        "train": split("train", 10, feature("x", [1.5] * 10), feature("y", [1.5] * 10)),
        "test": split("test", 10, feature("x", [1.5] * 10)),
    }
    x, y = proposed_schema(splits).feature
    assert (x.presence.min_fraction, x.presence.min_count) == (1.0, 1)
    assert (y.presence.min_fraction, y.presence.min_count) == (0.0, 0)
    assert "no record of test has it: is it meant to be optional?" in y.annotation.comment


def test_a_feature_without_values_gets_neither_length_nor_domain():
    found = proposed_feature([], records=5)
    assert found.WhichOneof("shape_type") is None
    assert found.WhichOneof("domain_info") is None
    assert list(found.annotation.comment) == ["no record of train has it: is it meant to be optional?"]


def test_a_feature_of_several_types_gets_the_commonest_and_a_comment():
    found = proposed_feature([1] * 30, ["a"] * 5)
    assert found.type == schema_pb2.INT
    assert "not of one type: INT in train, STRING in test" in found.annotation.comment
    assert "values of other types in train: 3" in proposed_feature([1], values_of_other_types=3).annotation.comment


def test_a_split_may_shrink_to_half_and_double():
    splits = {
        "train": split("train", 600, feature("x", [0] * 600)),
        "test": split("test", 101, feature("x", [0] * 101)),
    }
    constraints = proposed_schema(splits).dataset_constraints
    assert constraints.min_examples_count == 50
    drift = constraints.num_examples_drift_comparator
    assert (drift.min_fraction_threshold, drift.max_fraction_threshold) == (0.5, 2.0)


def test_a_split_without_records_says_nothing():
    filled = {"train": split("train", 20, feature("x", [0, 1] * 10))}
    assert proposed_schema({**filled, "test": split("test", 0)}) == proposed_schema(filled)


def test_nothing_is_proposed_of_nothing():
    assert proposed_schema({"train": split("train", 0)}) == schema_pb2.Schema()
