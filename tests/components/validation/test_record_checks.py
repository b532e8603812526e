"""Every way in which a record can break the schema, one record at a time."""

import math

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from slipline.components.schemas.schema_rules import rules_of
from slipline.components.validation.findings import Kind
from slipline.components.validation.record_checks import check_record
from slipline.serving.wire.example_pb2 import Example

INT = 'feature { name: "x" type: INT presence { min_fraction: 1 } '
FLOAT = 'feature { name: "x" type: FLOAT presence { min_fraction: 1 } '
TEXT = 'feature { name: "x" type: BYTES presence { min_fraction: 1 } '
IMAGE = 'feature { name: "x" type: BYTES presence { min_fraction: 1 } annotation { tag: "decoded_shape:28,28,1" } }'
WORDS = TEXT + 'string_domain { value: "f" value: "e" value: "d" value: "c" value: "b"%s } }'


def record(**features):
    example = Example()
    for name, values in features.items():
        feature = example.features.feature[name]
        kinds = {int: feature.int64_list, float: feature.float_list, bytes: feature.bytes_list}
        kinds[type(values[0]) if values else float].value.extend(values)
        if not values:
            feature.float_list.SetInParent()
    return example.SerializeToString()


def broken(schema, serialized, decode=()):
    rules = rules_of(text_format.Parse(schema, schema_pb2.Schema())).features
    return [tuple(found) for found in check_record(serialized, rules, frozenset(decode))]


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        (INT + "}", [-5]),
        (INT + "int_domain { min: 0 max: 9 } }", [0, 9]),
        (INT + "int_domain { min: 3 } }", [3]),
        (INT + "shape { dim { size: 2 } dim { size: 2 } } }", [1, 2, 3, 4]),
        (INT + "value_count { min: 1 max: 2 } }", [1, 2]),
        (INT + "value_count { min: 1 } }", [1] * 50),
        (FLOAT + "}", [math.inf, -math.inf]),
        (FLOAT + "float_domain { min: -1 max: 1 } }", [-1.0, 1.0]),
        (FLOAT + "}", []),
        (TEXT + "}", [b"\xff"]),
        (WORDS % "", [b"b", b"f"]),
        (INT.replace("min_fraction: 1", "min_fraction: 0.9") + "shape {} }", []),
    ],
)
def test_what_the_schema_allows_is_no_violation(schema, values):
    assert broken(schema, record(x=values)) == []


@pytest.mark.parametrize(
    ("schema", "values", "kind", "wanted", "got"),
    [
        (INT + "}", [1.5], Kind.WRONG_TYPE, "type INT", "FLOAT 1.5"),
        (INT + "}", [b"one"], Kind.WRONG_TYPE, "type INT", "BYTES 'one'"),
        (FLOAT + "}", [1], Kind.WRONG_TYPE, "type FLOAT", "INT 1"),
        (INT + "}", [], Kind.WRONG_TYPE, "type INT", "FLOAT"),
        (INT + "shape {} }", [], Kind.MISSING, "a value in every record", "none"),
        (INT + "shape {} }", [1, 2], Kind.WRONG_LENGTH, "1 value(s)", "2"),
        (INT + "shape { dim { size: 3 } } }", [1, 2], Kind.WRONG_LENGTH, "3 value(s)", "2"),
        (INT + "value_count { min: 2 max: 3 } }", [1], Kind.WRONG_LENGTH, "2 to 3 values", "1"),
        (INT + "value_count { min: 2 max: 3 } }", [1] * 4, Kind.WRONG_LENGTH, "2 to 3 values", "4"),
        (INT + "value_count { min: 2 } }", [1], Kind.WRONG_LENGTH, "2 or more values", "1"),
        (INT + "int_domain { min: 0 max: 9 } }", [10], Kind.OUT_OF_DOMAIN, "0 to 9", "10"),
        (INT + "int_domain { min: 0 } }", [-1], Kind.OUT_OF_DOMAIN, "0 or more", "-1"),
        (INT + "int_domain { max: 9 } }", [10], Kind.OUT_OF_DOMAIN, "9 or less", "10"),
        (FLOAT + "float_domain { min: 0 max: 1 } }", [1.5], Kind.OUT_OF_DOMAIN, "0.0 to 1.0", "1.5"),
        (FLOAT + "}", [math.nan], Kind.NOT_A_NUMBER, "a number", "NaN"),
        (FLOAT + "float_domain { disallow_inf: true } }", [-math.inf], Kind.NOT_A_NUMBER, "a finite number", "-inf"),
        (WORDS % "", [b"g"], Kind.UNKNOWN_VALUE, "'b' or 'c' or 'd' or 'e' or 'f'", "'g'"),
        (WORDS % ' value: "a"', [b"g"], Kind.UNKNOWN_VALUE, "'a' or 'b' or 'c' or 'd' or 'e' or others", "'g'"),
        (WORDS % "", [b"y" * 40], Kind.UNKNOWN_VALUE, "'b' or 'c' or 'd' or 'e' or 'f'", repr("y" * 40)),
        (WORDS % "", [b"y" * 41], Kind.UNKNOWN_VALUE, "'b' or 'c' or 'd' or 'e' or 'f'", repr("y" * 40 + "…")),
        (WORDS % "", [b"\xff"], Kind.UNKNOWN_VALUE, "'b' or 'c' or 'd' or 'e' or 'f'", repr("\\xff")),
    ],
)
def test_what_it_does_not_is_named_with_what_was_wanted_and_what_came(schema, values, kind, wanted, got):
    assert broken(schema, record(x=values)) == [("x", kind, wanted, got)]


def test_every_value_that_is_wrong_is_a_violation():
    found = broken(INT + "int_domain { min: 0 max: 9 } }", record(x=[10, 5, -1]))
    assert [got for *_, got in found] == ["10", "-1"]


def test_features_that_are_missing_or_unknown_are_named():
    schema = INT + "} " + (INT + "}").replace('"x"', '"y"') + 'feature { name: "z" type: INT }'
    assert broken(schema, record(x=[1], b=[1], a=[1])) == [
        ("y", Kind.MISSING, "a value in every record", "none"),
        ("a", Kind.UNKNOWN_FEATURE, "only the features x, y, z", "this one too, which the schema does not know,"),
        ("b", Kind.UNKNOWN_FEATURE, "only the features x, y, z", "this one too, which the schema does not know,"),
    ]


def test_other_bytes_are_no_record():
    assert broken(INT + "}", b"\xff\xff") == [("", Kind.NOT_AN_EXAMPLE, "a tf.Example", "other bytes")]


def test_images_are_decoded_where_that_is_asked_for_and_else_their_heads_are_read(png):
    cut, small = bytearray(png()), png(27, 28)
    cut[45] ^= 1
    assert broken(IMAGE, record(x=[png()]), decode=["x"]) == []
    assert broken(IMAGE, record(x=[bytes(cut)])) == []
    ((_, kind, wanted, _),) = broken(IMAGE, record(x=[bytes(cut)]), decode=["x"])
    assert (kind, wanted) == (Kind.UNDECODABLE, "a whole PNG or JPEG image")
    for decode in ([], ["x"]):
        wrong = ("x", Kind.WRONG_SIZE, "28 x 28 x 1 pixels", "27 x 28 x 1")
        assert broken(IMAGE, record(x=[small]), decode) == [wrong]
    any_size = IMAGE.replace('annotation { tag: "decoded_shape:28,28,1" }', "image_domain {}")
    assert broken(any_size, record(x=[small])) == []
