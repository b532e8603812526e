from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from slipline.serving.errors import BadRequest
from slipline.serving.server.methods.example_tasks import Regression
from tests.serving.server.methods.test_classification import signature

OF = Regression(examples="inputs:0", outputs="outputs:0")


def test_a_signature_with_one_input_and_one_output_regresses() -> None:
    assert Regression.of(signature("inputs", "outputs")) == OF
    assert OF.fetches == ["outputs:0"]


@pytest.mark.parametrize(
    ("inputs", "outputs", "words"),
    [
        ("", "outputs", "Expected one input Tensor."),
        ("inputs more", "outputs", "Expected one input Tensor."),
        ("inputs", "", "Expected one output Tensor."),
        ("inputs", "outputs more", "Expected one output Tensor."),
        ("x", "outputs", "No regression inputs found in SignatureDef"),
        ("inputs", "y", "No regression outputs found in SignatureDef"),
    ],
)
def test_other_signatures_are_refused(inputs: str, outputs: str, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        Regression.of(signature(inputs, outputs))


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_each_example_has_a_number(shape: tuple[int, ...]) -> None:
    result = OF.result({"outputs:0": np.float32([1.5, 2.5]).reshape(shape)}, 2)
    assert [each.value for each in result.regressions] == [1.5, 2.5]


@pytest.mark.parametrize(
    ("computed", "words"),
    [
        (np.float64([1, 2]), "Expected output Tensor of float32. Got: float64"),
        (np.float32([1]), r"Expected output Tensor shape: \[2\] or \[2 1\]. Got: \[1\]"),
        (np.float32([[1, 2]]), r"Got: \[1, 2\]"),
        (np.float32([[1, 2], [3, 4]]), r"Got: \[2, 2\]"),
    ],
)
def test_other_numbers_are_refused(computed: Any, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        OF.result({"outputs:0": computed}, 2)
