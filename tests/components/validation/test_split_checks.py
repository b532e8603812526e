"""What the schema demands of a split as a whole, by its statistics."""

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from slipline.components.schemas.schema_rules import rules_of
from slipline.components.validation.findings import Kind
from slipline.components.validation.split_checks import check_split, images_to_decode
from tests.components.made_statistics import feature, images, split

X = 'feature { name: "x" type: INT presence { min_fraction: %s min_count: %d } }'


def found(schema, statistics):
    rules = rules_of(text_format.Parse(schema, schema_pb2.Schema()))
    return list(check_split("train", statistics, rules, "my.pbtxt"))


@pytest.mark.parametrize(
    ("presence", "present", "kind", "text"),
    [
        ((1, 0), 10, None, ""),
        ((1, 0), 9, None, ""),  # the record without it is an offender
        ((0, 0), 0, None, ""),
        ((0.75, 0), 8, None, ""),
        ((0.75, 0), 7, Kind.TOO_FEW_PRESENT, "wanted a value in 75.0% of the records, got it in 7 of 10"),
        ((0, 5), 5, None, ""),
        ((0, 5), 4, Kind.TOO_FEW_PRESENT, "wanted a value in 5 records, got it in 4"),
        ((0, 1), 0, Kind.NEVER_PRESENT, "wanted a value, got none in any of 10 records, which have x, y"),
        ((1, 0), 0, Kind.NEVER_PRESENT, "wanted a value, got none in any of 10 records, which have x, y"),
    ],
)
def test_a_feature_is_in_as_many_records_as_the_schema_demands(presence, present, kind, text):
    statistics = split("train", 10, feature("y", [1] * 10), feature("x", [1] * present), feature("(record)", [1]))
    assert [(each.feature, each.kind, each.text) for each in found(X % presence, statistics)] == (
        [("x", kind, text)] if kind else []
    )


def test_a_feature_that_is_nowhere_is_said_with_those_there_are():
    (finding,) = found(X % (1, 0), split("train", 10))
    assert finding.sentence == (
        "train: x: wanted a value, got none in any of 10 records, which have no features; "
        "mend the data, or change my.pbtxt if it is meant"
    )
    assert not finding.of_records


@pytest.mark.parametrize(
    ("records", "kind"),
    [(0, Kind.EMPTY_SPLIT), (4, Kind.TOO_FEW_RECORDS), (5, None), (20, None), (21, Kind.TOO_MANY_RECORDS)],
)
def test_a_split_has_as_many_records_as_the_schema_demands(records, kind):
    schema = 'feature { name: "x" type: INT } dataset_constraints { min_examples_count: 5 max_examples_count: 20 }'
    findings = found(schema, split("train", records, feature("x", [1] * records)))
    assert [(each.feature, each.kind) for each in findings] == ([("", kind)] if kind else [])


def test_images_are_decoded_where_the_statistics_tell_of_some_that_do_not_decode():
    schema = " ".join(f'feature {{ name: "{name}" type: BYTES image_domain {{}} }}' for name in ("a", "b", "c", "d"))
    rules = rules_of(text_format.Parse(schema + 'feature { name: "e" type: INT }', schema_pb2.Schema())).features
    sizes = {"decoded_height": {"28": 3}}
    statistics = split(
        "train",
        3,
        images("a", [3], sizes, undecodable_images=0),
        images("b", [3], sizes, undecodable_images=1),
        images("c", [3], sizes),
        feature("e", [1]),
    )
    assert images_to_decode(statistics, rules) == {"b", "c"}
