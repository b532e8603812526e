from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from slipline.serving.errors import BadRequest
from slipline.serving.server.rest.json_out import decimals, encoded, string, whole

FLOATS = st.sampled_from(["float32", "float64"])
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
EXPRESSIBLE = ["float32", "float64", "int8", "int16", "int32", "uint8", "int64", "uint32", "uint64", "bool"]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (3, "3.0"), (-0.0, "-0.0"), (0.5, "0.5"), (0.1, "0.1"), (9e6, "9e+06"), (123456, "123456.0"), (1e-7, "1e-07"),
        (1 / 3, "0.333333343"), (16777216, "16777216.0"), (1e39, "Infinity"), (-np.inf, "-Infinity"), (np.nan, "NaN"),
    ],
)  # fmt: skip
def test_number_is_written_as_c_plus_plus_does(number: float, text: str) -> None:
    with np.errstate(over="ignore"):
        assert decimals(np.array([number], "float32")) == [text]


def test_double_has_seventeen_digits_where_six_do_not_do() -> None:
    assert decimals(np.array([1 / 3, 0.1, 1e300, 1234567.0])) == ["0.33333333333333331", "0.1", "1e+300", "1234567.0"]


@given(numbers=FLOATS.flatmap(lambda name: hnp.arrays(name, hnp.array_shapes(max_dims=1))))
def test_number_reads_back_equal_and_is_no_integer(numbers: np.ndarray[Any, Any]) -> None:
    back = [json.loads(text) for text in decimals(numbers)]
    assert all(type(value) is float for value in back)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(np.array(back, numbers.dtype), numbers)


@given(array=st.sampled_from(EXPRESSIBLE).flatmap(lambda name: hnp.arrays(name, SHAPES)))
def test_array_reads_back_with_its_shape(array: np.ndarray[Any, Any]) -> None:
    text = whole(array, as_base64=False)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(np.array(json.loads(text), array.dtype).reshape(array.shape), array)
    assert np.shape(json.loads(text))[: array.ndim] == array.shape[: len(np.shape(json.loads(text)))]


@given(value=st.binary())
def test_string_keeps_its_bytes(value: bytes) -> None:
    text = encoded(string(value)).decode("utf-8", "surrogateescape")
    assert json.loads(text).encode("utf-8", "surrogateescape") == value


def test_dtype_without_json_is_refused() -> None:
    with pytest.raises(BadRequest, match="Failed to write JSON value for tensor type: half"):
        whole(np.zeros(1, "float16"), as_base64=False)
