from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from slipline.serving.errors import BadRequest, Unsupported
from slipline.serving.server.rest.dense import dense, is_base64
from slipline.serving.wire.tensor_pb2 import (
    DT_BOOL,
    DT_FLOAT,
    DT_HALF,
    DT_INT32,
    DT_INT64,
    DT_STRING,
    DT_UINT8,
    DT_UINT64,
)
from slipline.serving.wire.tensors import DATA_TYPES

EXPRESSIBLE = ["float32", "float64", "int8", "int16", "int32", "uint8", "int64", "uint32", "uint64", "bool"]
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=1, max_side=3)


@given(array=st.sampled_from(EXPRESSIBLE).flatmap(lambda name: hnp.arrays(name, SHAPES)))
def test_nested_lists_make_the_array_they_came_from(array: np.ndarray[Any, Any]) -> None:
    found = dense(array.tolist(), DATA_TYPES[array.dtype.name])
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


@given(strings=hnp.arrays(object, SHAPES, elements=st.binary()))
def test_base64_strings_make_the_bytes_they_came_from(strings: np.ndarray[Any, Any]) -> None:
    def packed(value: Any) -> Any:
        return [packed(v) for v in value] if isinstance(value, list) else {"b64": base64.b64encode(value).decode()}

    np.testing.assert_array_equal(dense(packed(strings.tolist()), DT_STRING), strings)


@pytest.mark.parametrize(("value", "shape"), [([], (0,)), ([[], []], (2, 0)), (3, ()), ([[[1]]], (1, 1, 1))])
def test_empty_lists_and_scalars_have_their_shape(value: object, shape: tuple[int, ...]) -> None:
    assert dense(value, DT_INT32).shape == shape


@pytest.mark.parametrize(
    ("value", "data_type", "text"),
    [
        (1.0, DT_INT32, "JSON Value: 1.0 Type: Number is not of expected type: int32"),
        ([1, 2**31], DT_INT32, "JSON Value: 2147483648 Type: Number is not of expected type: int32"),
        ([2**31], DT_UINT8, "JSON Value: 2147483648 Type: Number is not of expected type: uint8"),
        ([2**64 - 1, -1], DT_UINT64, "JSON Value: -1 Type: Number is not of expected type: uint64"),
        ([2**63], DT_INT64, "JSON Value: 9223372036854775808 Type: Number is not of expected type: int64"),
        ([1.5, True], DT_FLOAT, "JSON Value: true Type: True is not of expected type: float"),
        ([False], DT_INT64, "JSON Value: false Type: False is not of expected type: int64"),
        (["a"], DT_FLOAT, 'JSON Value: "a" Type: String is not of expected type: float'),
        ([None], DT_FLOAT, "JSON Value: null Type: Null is not of expected type: float"),
        ([1], DT_BOOL, "JSON Value: 1 Type: Number is not of expected type: bool"),
        ([1], DT_STRING, "JSON Value: 1 Type: Number is not of expected type: string"),
        ([{"a": "x"}], DT_STRING, 'JSON Value: {"a": "x"} Type: Object is not of expected type: string'),
        ([1, [2]], DT_FLOAT, r"JSON Value: \[2\] Type: Array is not of expected type: float"),
        ([[1], 2], DT_FLOAT, "Encountered Number 2 among lists at level 1"),
        ([[1, 2], [3]], DT_FLOAT, "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        ([{"b64": "?"}], DT_STRING, "Unable to base64 decode"),
        ([{"b64": "_-_-"}], DT_STRING, "Unable to base64 decode"),
        (["\ud800"], DT_STRING, "surrogate pair in string is invalid"),
    ],
)
def test_value_of_another_type_or_shape_is_refused(value: object, data_type: int, text: str) -> None:
    with pytest.raises(BadRequest, match=text):
        dense(value, data_type)


def test_numbers_too_large_for_floats_are_infinite_and_for_narrow_integers_wrap() -> None:
    assert dense([1e39, -(10**400), 10**400, 1], DT_FLOAT).tolist() == [np.inf, -np.inf, np.inf, 1]
    assert dense([300, -1, 2**31 - 1], DT_UINT8).tolist() == [44, 255, 255]


def test_dtype_that_json_cannot_express_is_unsupported() -> None:
    with pytest.raises(Unsupported, match="half"):
        dense([1.0], DT_HALF)


def test_more_dimensions_than_arrays_have_are_refused() -> None:
    value: object = 1.0
    for _ in range(65):
        value = [value]
    with pytest.raises(BadRequest, match="at most 64 dimensions"):
        dense(value, DT_FLOAT)


def test_only_an_object_of_one_string_is_a_value_in_base64() -> None:
    assert is_base64({"b64": ""})
    assert not any(map(is_base64, [{}, {"b64": 1}, {"b64": "", "a": 1}, "b64", ["b64"], {"B64": ""}]))


def test_base64_may_lack_its_padding_and_hold_line_breaks() -> None:
    assert dense([{"b64": "aGk"}, {"b64": "aGVs\nbG8=\n"}], DT_STRING).tolist() == [b"hi", b"hello"]
