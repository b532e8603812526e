"""The difference of two schemas: empty if and only if they ask the same, else a line for each thing that changed."""

from __future__ import annotations

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import schema_pb2

from slipline.components.schemas.schema_diff import Effect, compare_schemas

SHARES = st.sampled_from([0.0, 0.1, 0.5, 1.0])
WHOLE = st.integers(0, 3)


def fields(message, **strategies):
    """A message with some of the fields set."""
    return st.fixed_dictionaries({}, optional=strategies).map(lambda chosen: message(**chosen))


def comparators():
    norm = fields(schema_pb2.InfinityNorm, threshold=SHARES)
    divergence = fields(schema_pb2.JensenShannonDivergence, threshold=SHARES)
    return fields(schema_pb2.FeatureComparator, infinity_norm=norm, jensen_shannon_divergence=divergence)


def some(texts):
    return st.lists(st.sampled_from(texts), max_size=3)


def dimensions():
    sizes = st.lists(fields(schema_pb2.FixedShape.Dim, size=WHOLE), max_size=2)
    return fields(schema_pb2.FixedShape, dim=sizes)


COMMON = {
    "type": st.sampled_from([schema_pb2.INT, schema_pb2.BYTES]),
    "presence": fields(schema_pb2.FeaturePresence, min_fraction=SHARES, min_count=WHOLE),
    "annotation": fields(
        schema_pb2.Annotation, tag=some(["decoded_shape:2,2,1", "decoded_shape:3,3,1", "x"]), comment=some("ab")
    ),
    "drift_comparator": comparators(),
    "not_in_environment": some(["SERVING", "TRAINING"]),
    "deprecated": st.booleans(),
    "unique_constraints": fields(schema_pb2.UniqueConstraints, min=WHOLE, max=WHOLE),
}
LENGTHS = [
    {"shape": dimensions()},
    {"value_count": fields(schema_pb2.ValueCount, min=WHOLE, max=WHOLE)},
    {"value_counts": fields(schema_pb2.ValueCountList, value_count=st.lists(fields(schema_pb2.ValueCount, min=WHOLE)))},
]
DOMAINS = [
    {"int_domain": fields(schema_pb2.IntDomain, min=WHOLE, max=WHOLE, is_categorical=st.booleans())},
    {"float_domain": fields(schema_pb2.FloatDomain, min=SHARES, disallow_nan=st.booleans())},
    {"string_domain": fields(schema_pb2.StringDomain, value=some("ab"))},
    {"domain": st.sampled_from("ab")},
]


def features(name):
    return st.tuples(st.sampled_from(LENGTHS), st.sampled_from(DOMAINS)).flatmap(
        lambda chosen: fields(schema_pb2.Feature, name=st.just(name), **COMMON, **chosen[0], **chosen[1])
    )


def dataset_constraints():
    comparator = fields(schema_pb2.NumericValueComparator, min_fraction_threshold=SHARES)
    return fields(schema_pb2.DatasetConstraints, min_examples_count=WHOLE, num_examples_drift_comparator=comparator)


SCHEMAS = fields(
    schema_pb2.Schema,
    feature=st.lists(st.sampled_from("abc").flatmap(features), max_size=3),
    string_domain=st.lists(fields(schema_pb2.StringDomain, name=st.sampled_from("ab"), value=some("cd")), max_size=2),
    default_environment=some(["SERVING", "TRAINING"]),
    dataset_constraints=dataset_constraints(),
)


def sorted_anew(schema):
    """The same schema with all that has no order sorted."""
    copy = schema_pb2.Schema()
    copy.CopyFrom(schema)
    copy.default_environment.sort()
    for feature in copy.feature:
        feature.not_in_environment.sort()
        if feature.HasField("annotation"):
            feature.annotation.tag.sort()
            feature.annotation.comment.sort()
        if feature.HasField("string_domain"):
            feature.string_domain.value.sort()
    for domain in copy.string_domain:
        domain.value.sort()
    copy.feature.sort(key=str)
    copy.string_domain.sort(key=str)
    return copy


def reordered(schema, shuffle):
    copy = schema_pb2.Schema()
    copy.CopyFrom(schema)
    for many in (copy.feature, copy.string_domain):
        order = [type(each).FromString(each.SerializeToString()) for each in many]
        shuffle.shuffle(order)
        del many[:]
        many.extend(order)
    for many in (*(each.string_domain.value for each in copy.feature if each.HasField("string_domain")),):
        order = list(many)
        shuffle.shuffle(order)
        many[:] = order
    return copy


@given(SCHEMAS, st.randoms(use_true_random=False))
def test_a_schema_does_not_differ_from_itself_in_another_order(schema, shuffle):
    assert compare_schemas(schema, reordered(schema, shuffle)) == ()


@given(SCHEMAS, SCHEMAS)
def test_two_schemas_differ_if_and_only_if_their_messages_do_up_to_order(one, other):
    assert (compare_schemas(one, other) == ()) is (sorted_anew(one) == sorted_anew(other))


@given(st.sampled_from("ab").flatmap(features), st.sampled_from("ab").flatmap(features))
def test_two_features_differ_if_and_only_if_their_messages_do_up_to_order(one, other):
    old, new = schema_pb2.Schema(feature=[one]), schema_pb2.Schema(feature=[other])
    assert (compare_schemas(old, new) == ()) is (sorted_anew(old) == sorted_anew(new))


@given(features("x"), features("x"), st.sampled_from([field.name for field in schema_pb2.Feature.DESCRIPTOR.fields]))
def test_no_single_field_is_passed_over(one, other, field):
    changed = schema_pb2.Feature()
    changed.CopyFrom(one)
    changed.ClearField(field)
    for stated, _ in other.ListFields():
        if stated.name != field:
            other.ClearField(stated.name)
    changed.MergeFrom(other)
    old, new = schema_pb2.Schema(feature=[one]), schema_pb2.Schema(feature=[changed])
    assert (compare_schemas(old, new) == ()) is (sorted_anew(old) == sorted_anew(new))


@given(SCHEMAS, SCHEMAS)
def test_what_is_widened_one_way_is_narrowed_the_other(one, other):
    opposite = {
        Effect.ADDED: Effect.REMOVED,
        Effect.REMOVED: Effect.ADDED,
        Effect.WIDENED: Effect.NARROWED,
        Effect.NARROWED: Effect.WIDENED,
    }
    there = {(change.feature, change.field): change.kind for change in compare_schemas(one, other)}
    back = {(change.feature, change.field): change.kind for change in compare_schemas(other, one)}
    assert back == {place: opposite.get(kind, kind) for place, kind in there.items()}


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("int_domain { max: 9 }", "int_domain { max: 10 }", "greatest value from 9 to 10 (widened)"),
        ("float_domain { min: 0.1 }", "float_domain { min: 0.2 }", "least value from 0.1 to 0.2 (narrowed)"),
        ("int_domain { min: 0 }", "", "least value from 0 to none (widened)"),
        ("type: INT", "type: BYTES", "type from INT to BYTES (changed)"),
        (
            "presence { min_fraction: 1 }",
            "presence { min_fraction: 0.9 }",
            "least share of records that have it from 1.0 to 0.9 (widened)",
        ),
        ("shape {}", "value_count { min: 1 max: 3 }", "values a record from 1 to 1..3 (widened)"),
        (
            "value_count { min: 1 }",
            "value_count { min: 2 max: 5 }",
            "values a record from 1 or more to 2..5 (narrowed)",
        ),
        (
            "value_count { min: 1 max: 1 }",
            "shape {}",
            "values a record written as shape { }, no longer as value_count { min: 1 max: 1 } (changed)",
        ),
        ("string_domain { value: 'a' }", "string_domain { value: ['c', 'a', 'b'] }", "words 'b', 'c' added (widened)"),
        (
            "string_domain { value: ['a', 'b'] }",
            "string_domain { value: ['c', 'b'] }",
            "words 'c' added; 'a' removed (changed)",
        ),
        ("", "string_domain { value: 'a' }", "words 'a' added (narrowed)"),
        ("", "annotation { tag: 'decoded_shape:2,3,1' }", "image size from none to 2,3,1 (narrowed)"),
        ("annotation { comment: 'why' }", "", "comments 'why' removed (changed)"),
        (
            "",
            "drift_comparator { infinity_norm { threshold: 0.01 } }",
            "drift limit (infinity_norm) from none to 0.01 (narrowed)",
        ),
        ("deprecated: true", "", "deprecated from True to none (changed)"),
    ],
)
def test_each_change_is_one_plain_line(before, after, sentence):
    old, new = (text_format.Parse(f"feature {{ name: 'x' {text} }}", schema_pb2.Schema()) for text in (before, after))
    assert [change.sentence for change in compare_schemas(old, new)] == [f"x: {sentence}"]


def test_features_and_demands_on_the_whole_that_come_and_go_are_told():
    old = text_format.Parse("feature { name: 'x' type: INT shape {} }", schema_pb2.Schema())
    new = text_format.Parse(
        "feature { name: 'y' type: FLOAT } dataset_constraints { min_examples_count: 5 }", schema_pb2.Schema()
    )
    assert [change.sentence for change in compare_schemas(old, new)] == [
        "data set: fewest records of a split from none to 5 (narrowed)",
        "x: INT, presence optional, values 1, any (removed)",
        "y: FLOAT, presence optional, values any number, any (added)",
    ]
