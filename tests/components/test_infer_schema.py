"""The proposed schema: the narrowest that the data fit, with what looks odd pointed out."""

from __future__ import annotations

from components.examples_io import encode_example
from components.infer_schema import infer_schema
from components.schema_io import ExampleSpec, ImageFeature, LabelFeature, example_spec, read_schema
from serving.wire.example_pb2 import Example


def proposed(plane, *splits):
    return infer_schema(plane.statistics(plane.ingest(*splits)), plane.out("schema"))


def features_of(schema):
    return {feature.name: feature for feature in read_schema(schema).feature}


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


def test_a_feature_missing_somewhere_is_not_required_everywhere(plane, digits):
    plane.write("train", [*digits, Example().SerializeToString()])
    presence = features_of(proposed(plane))["label"].presence
    assert (presence.min_fraction, presence.min_count) == (0, 1)


def test_images_of_several_sizes_get_the_commonest_and_a_comment(plane, digits, png):
    plane.write("train", [*digits, encode_example(png(27, 28), 1), encode_example(b"no image", 1)])
    annotation = features_of(proposed(plane))["image"].annotation
    assert list(annotation.tag) == ["decoded_shape:28,28,1"]
    assert list(annotation.comment) == [
        "decoded_height is not always the same: {27: 1, 28: 10}",
        "undecodable_images: 1",
    ]


def test_integers_with_gaps_are_a_range_not_classes(plane, png):
    plane.write("train", [encode_example(png(), 3), encode_example(png(), 8)])
    domain = features_of(proposed(plane))["label"].int_domain
    assert (domain.min, domain.max, domain.is_categorical) == (3, 8, False)


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
