from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from slipline.serving.errors import BadRequest
from slipline.serving.server.methods.example_tasks import Classification
from slipline.serving.wire import saved_model_pb2

BOTH = Classification(examples="in:0", classes="c:0", scores="s:0")
LABELS = Classification(examples="in:0", classes="c:0", scores=None)
SCORES = Classification(examples="in:0", classes=None, scores="s:0")


def signature(inputs: str, outputs: str) -> saved_model_pb2.SignatureDef:
    """With inputs and outputs of these names, whose tensors are called `<name>:0`."""
    return saved_model_pb2.SignatureDef(
        inputs={name: {"name": f"{name}:0"} for name in inputs.split()},
        outputs={name: {"name": f"{name}:0"} for name in outputs.split()},
    )


@pytest.mark.parametrize(
    ("outputs", "classes", "scores"),
    [
        ("classes scores", "classes:0", "scores:0"),
        ("classes", "classes:0", None),
        ("scores", None, "scores:0"),
        ("scores other", None, "scores:0"),
    ],
)
def test_a_signature_with_classes_or_scores_classifies(outputs: str, classes: str | None, scores: str | None) -> None:
    found = Classification.of(signature("inputs", outputs))
    assert found == Classification(examples="inputs:0", classes=classes, scores=scores)
    assert found.fetches == [name for name in (classes, scores) if name]


@pytest.mark.parametrize(
    ("inputs", "outputs", "words"),
    [
        ("", "classes", "Expected one input Tensor."),
        ("inputs more", "classes", "Expected one input Tensor."),
        ("inputs", "", "Expected one or two output Tensors, found 0"),
        ("inputs", "classes scores more", "Expected one or two output Tensors, found 3"),
        ("x", "classes", "No classification inputs found in SignatureDef"),
        ("inputs", "y", "Expected classification signature outputs to contain classes or scores"),
    ],
)
def test_other_signatures_are_refused(inputs: str, outputs: str, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        Classification.of(signature(inputs, outputs))


@pytest.mark.parametrize(
    ("of", "wanted"),
    [
        (BOTH, [[("a", 0.75), ("b", 0.25)], [("c", 0.5), ("\ufffd", 0.5)]]),
        (
            Classification(examples="in:0", classes="c:0", scores=None),
            [[("a", 0), ("b", 0)], [("c", 0), ("\ufffd", 0)]],
        ),
        (Classification(examples="in:0", classes=None, scores="s:0"), [[("", 0.75), ("", 0.25)], [("", 0.5)] * 2]),
    ],
)
def test_each_example_has_a_class_for_each_column(of: Classification, wanted: Any) -> None:
    computed = {
        "c:0": np.array([[b"a", b"b"], [b"c", b"\xff"]], object),
        "s:0": np.float32([[0.75, 0.25], [0.5, 0.5]]),
    }
    result = of.result(computed, 2)
    assert [[(each.label, each.score) for each in row.classes] for row in result.classifications] == wanted


@pytest.mark.parametrize(
    ("classes", "scores", "words"),
    [
        (np.float32([[1]]), np.float32([[1]]), "Expected classes Tensor of string. Got: float32"),
        (np.array([[b"a"]], object), np.float64([[1]]), "Expected scores Tensor of float32. Got: float64"),
        (np.array([b"a"], object), np.float32([[1]]), r"Expected classes Tensor shape: \[1 num_classes\]. Got: \[1\]"),
        (
            np.array([[b"a"]], object),
            np.float32([[1]] * 2),
            r"scores Tensor shape: \[1 num_classes\]. Got: \[2, 1\]",
        ),
        (np.array([[b"a"]], object), np.float32([[1, 2]]), r"should match in dim_size\(1\). Got 1 vs. 2"),
    ],
)
def test_what_is_no_table_of_classes_is_refused(classes: Any, scores: Any, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        BOTH.result({"c:0": classes, "s:0": scores}, 1)
