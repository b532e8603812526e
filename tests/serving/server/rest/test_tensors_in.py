from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from slipline.serving.errors import BadRequest
from slipline.serving.server.rest.tensors_in import read_tensors, signature_name
from slipline.serving.wire.saved_model_pb2 import TensorInfo
from slipline.serving.wire.tensor_pb2 import DT_FLOAT, DT_HALF, DT_STRING

ONE = {"x": TensorInfo(dtype=DT_FLOAT)}
TWO = {"a": TensorInfo(dtype=DT_FLOAT), "b": TensorInfo(dtype=DT_STRING)}


@pytest.mark.parametrize(
    ("body", "infos", "wanted"),
    [
        ({"instances": [1, 2]}, ONE, {"x": [1, 2]}),
        ({"instances": [[1], [2]]}, ONE, {"x": [[1], [2]]}),
        ({"instances": [{"x": 1}, {"x": 2}]}, ONE, {"x": [1, 2]}),
        ({"inputs": [1, 2]}, ONE, {"x": [1, 2]}),
        ({"inputs": 1}, ONE, {"x": 1}),
        ({"inputs": {"x": 1, "other": 2}}, ONE, {"x": 1}),
        ({"instances": [{"a": 1, "b": "x"}, {"b": {"b64": "eQ=="}, "a": 2}]}, TWO, {"a": [1, 2], "b": [b"x", b"y"]}),
        ({"inputs": {"a": [1, 2], "b": "x", "c": None}}, TWO, {"a": [1, 2], "b": b"x"}),
        ({"instances": [{"b64": "eQ=="}, "z"]}, {"s": TensorInfo(dtype=DT_STRING)}, {"s": [b"y", b"z"]}),
        ({"inputs": {"b64": "eQ=="}}, {"s": TensorInfo(dtype=DT_STRING)}, {"s": b"y"}),
    ],
)
def test_rows_and_columns_make_tensors(body: Any, infos: Any, wanted: Any) -> None:
    found = read_tensors(body, infos)
    assert {name: array.tolist() for name, array in found.items()} == {
        k: np.array(v).tolist() for k, v in wanted.items()
    }


ROW = "Failed to process element: {} of 'instances' list. Error: {}: {}"


@pytest.mark.parametrize(
    ("body", "infos", "text"),
    [
        ({}, ONE, "Missing 'inputs' or 'instances' key"),
        ({"instances": [1], "inputs": 1}, ONE, "Not formatted correctly expecting only one of"),
        ({"instances": {}}, ONE, "Expecting 'instances' value to be a list/array, got Object"),
        ({"instances": []}, ONE, "No values for 'instances' list"),
        ({"instances": [1, "a"]}, ONE, ROW.format(1, "INVALID_ARGUMENT", 'JSON Value: "a" Type: String is not of exp')),
        ({"instances": [{"x": 1}, {"x": "a"}]}, ONE, ROW.format("1 key: x", "INVALID_ARGUMENT", 'JSON Value: "a"')),
        ({"instances": [1, {"x": 1}]}, ONE, ROW.format(1, "INVALID_ARGUMENT", 'JSON Value: {"x": 1} Type: Object')),
        ({"instances": [{"x": 1}, 1]}, ONE, ROW.format(1, "INVALID_ARGUMENT", "Expecting object but got Number: 1")),
        ({"instances": [[1], [1, 2]]}, ONE, ROW.format(1, "INVALID_ARGUMENT", "Expecting tensor size: 1 but got: 2")),
        (
            {"instances": [[1, 2], [[1, 2]]]},
            ONE,
            ROW.format(1, "INVALID_ARGUMENT", "Expecting shape [2] but got: [1,2]"),
        ),
        ({"instances": [1, []]}, ONE, ROW.format(1, "INVALID_ARGUMENT", "Expecting tensor size: 1 but got: 0")),
        ({"instances": [{"x": 1, "y": 2}]}, ONE, "keys must be equal to: x"),
        ({"instances": [{"a": 1}]}, TWO, "keys must be equal to: a,b"),
        ({"instances": [1]}, TWO, ROW.format(0, "INVALID_ARGUMENT", "Expecting object but got Number: 1")),
        ({"instances": [1]}, {"h": TensorInfo(dtype=DT_HALF)}, ROW.format(0, "UNIMPLEMENTED", "JSON cannot")),
        ({"inputs": {"a": 1}}, TWO, "Missing named input: b in 'inputs' object."),
        ({"inputs": {"y": 1}}, ONE, "Missing named input: x in 'inputs' object."),
        ({"inputs": [1]}, TWO, "'inputs' must be an object with the keys: a,b"),
        ({"inputs": [1, "a"]}, ONE, 'JSON Value: "a" Type: String is not of expected type: float'),
    ],
)
def test_request_that_does_not_fit_is_refused(body: Any, infos: Any, text: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read_tensors(body, infos)
    assert text in str(refused.value)


@pytest.mark.parametrize("name", [1, None, [], {}, True])
def test_signature_name_must_be_a_string(name: object) -> None:
    assert (signature_name({}), signature_name({"signature_name": "s"})) == ("", "s")
    with pytest.raises(BadRequest, match="'signature_name' key must be a string value"):
        signature_name({"signature_name": name})
