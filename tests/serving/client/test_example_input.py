from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from slipline.serving.client.example_input import example_input
from slipline.serving.errors import BadRequest
from slipline.serving.wire.example_pb2 import Example, Feature


def feature(**kind: list[Any]) -> Feature:
    return Feature(**{name: {"value": values} for name, values in kind.items()})


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (3, feature(int64_list=[3])),
        ([[1, 2], [3, 4]], feature(int64_list=[1, 2, 3, 4])),
        (np.uint8([255]), feature(int64_list=[255])),
        (True, feature(int64_list=[1])),
        (0.5, feature(float_list=[0.5])),
        (np.float64([0.5, 2]), feature(float_list=[0.5, 2])),
        ("ä", feature(bytes_list=["ä".encode()])),
        ([b"a\0", b"longer"], feature(bytes_list=[b"a\0", b"longer"])),
        (np.array([b"\xff", "ä"], object), feature(bytes_list=[b"\xff", "ä".encode()])),
    ],
)
def test_plain_values_become_features(value: Any, wanted: Feature) -> None:
    (example,) = example_input([{"x": value}]).example_list.examples
    assert dict(example.features.feature) == {"x": wanted}


def test_examples_come_in_order_serialized_or_not_and_may_share_a_context() -> None:
    one = Example(features={"feature": {"x": feature(int64_list=[1])}})
    two = Example(features={"feature": {"x": feature(int64_list=[2])}})
    assert list(example_input([{"x": 1}, two.SerializeToString()]).example_list.examples) == [one, two]
    shared = example_input([{"x": 1}], {"x": 2}).example_list_with_context
    assert (list(shared.examples), shared.context) == ([one], two)


@pytest.mark.parametrize(
    ("examples", "context", "words"),
    [
        ([], None, "at least one example is wanted, got none"),
        ([{"x": 1}, b"?"], None, "example 1 is no serialized tf.Example"),
        ([{"x": 1}], b"?", "the context is no serialized tf.Example"),
        ([{"x": [{}]}], None, "example 0: feature 'x' takes text, bytes, .* got object"),
        ([{"x": 1j}], None, "feature 'x' takes text, bytes, .* got complex128"),
        ([{"x": 1}], {"y": [None]}, "the context: feature 'y' takes"),
        ([{"x": [[1], [1, 2]]}], None, "example 0: feature 'x' is no array"),
    ],
)
def test_what_no_feature_can_have_is_refused_by_its_place(examples: Any, context: Any, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        example_input(examples, context)
