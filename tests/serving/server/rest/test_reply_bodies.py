from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from slipline.serving.errors import BadRequest
from slipline.serving.server.rest.replies import classified, predicted, regressed
from slipline.serving.wire import serving_pb2


def answer(outputs: dict[str, Any], *, by_row: bool) -> Any:
    arrays = {name: np.array(value) for name, value in outputs.items()}
    return json.loads(predicted(arrays, by_row=by_row))


@pytest.mark.parametrize(
    ("outputs", "by_row", "wanted"),
    [
        ({"y": [1, 2]}, True, {"predictions": [1, 2]}),
        ({"y": [1, 2], "z": [[3.5], [4]]}, True, {"predictions": [{"y": 1, "z": [3.5]}, {"y": 2, "z": [4]}]}),
        ({"y": [1, 2]}, False, {"outputs": [1, 2]}),
        ({"y": 1}, False, {"outputs": 1}),
        ({"y": 1, "z": [True]}, False, {"outputs": {"y": 1, "z": [True]}}),
        ({"y": [b"a"]}, True, {"predictions": ["a"]}),
        ({"y_bytes": [b"a"]}, True, {"predictions": [{"b64": "YQ=="}]}),
        ({'a"b': [b"\n"], "z_bytes": [b"\xff"]}, False, {"outputs": {'a"b': ["\n"], "z_bytes": [{"b64": "/w=="}]}}),
        ({"y": np.zeros((0, 2))}, True, {"predictions": []}),
        ({"y": np.zeros((2, 0))}, True, {"predictions": [[], []]}),
    ],
)
def test_form_follows_the_number_of_outputs(outputs: dict[str, Any], by_row: bool, wanted: Any) -> None:
    assert answer(outputs, by_row=by_row) == wanted


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        ({}, "empty tensor map"),
        ({"y": 1}, "Tensor name: y has no shape information"),
        ({"y": [1], "z": [1, 2]}, "Tensor name: z has inconsistent batch size: 2 expecting: 1"),
        ({"y": np.zeros(1, "complex64")}, "Failed to write JSON value for tensor type: complex64"),
    ],
)
def test_outputs_without_rows_are_refused(outputs: dict[str, Any], text: str) -> None:
    with pytest.raises(BadRequest, match=text):
        answer(outputs, by_row=True)


def test_answers_to_classify_and_regress_are_lists() -> None:
    classes = serving_pb2.ClassificationResponse()
    entry = classes.result.classifications.add()
    entry.classes.add(label="cat", score=0.25)
    entry.classes.add(label="dog", score=1)
    classes.result.classifications.add()
    assert json.loads(classified(classes)) == {"results": [[["cat", 0.25], ["dog", 1.0]], []]}
    values = serving_pb2.RegressionResponse()
    values.result.regressions.add(value=2.5)
    assert regressed(values) == b'{\n    "results": [2.5]\n}'
