from __future__ import annotations

from typing import Any

import pytest

from slipline.serving.errors import BadRequest
from slipline.serving.server.rest.examples_in import read_examples


def kinds(value: Any) -> dict[str, tuple[str | None, list[Any]]]:
    (example,) = read_examples({"examples": [value]}).example_list.examples
    found = {}
    for name, feature in example.features.feature.items():
        kind = feature.WhichOneof("kind")
        found[name] = (kind, list(getattr(feature, kind).value) if kind else [])
    return found


def test_kind_of_a_feature_follows_from_its_json_value() -> None:
    value = {"i": 2, "f": 2.0, "e": 2e3, "t": True, "s": "é", "b": {"b64": "/w=="}, "l": [1, False], "none": []}
    assert kinds(value) == {
        "i": ("int64_list", [2]),
        "f": ("float_list", [2.0]),
        "e": ("float_list", [2000.0]),
        "t": ("int64_list", [1]),
        "s": ("bytes_list", ["é".encode()]),
        "b": ("bytes_list", [b"\xff"]),
        "l": ("int64_list", [1, 0]),
        "none": (None, []),
    }


def test_context_comes_beside_the_examples() -> None:
    found = read_examples({"context": {"a": 1}, "examples": [{}, {"b": 2}]}).example_list_with_context
    assert (list(found.context.features.feature), len(found.examples)) == (["a"], 2)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "key 'examples' is expected and was not found"),
        ({"examples": {}}, "Expecting 'examples' value to be a list/array"),
        ({"examples": []}, "'examples' value array is empty"),
        ({"examples": [1]}, "element 0 of 'examples' must be an object"),
        ({"examples": [{}], "context": 1}, "'context' must be an object"),
        ({"examples": [{"x": None}]}, 'feature "x": a feature takes numbers, strings or a list'),
        ({"examples": [{"x": [[1]]}]}, "got Array"),
        ({"examples": [{"x": {"y": 1}}]}, "got Object"),
        ({"examples": [{"x": [1, 2.0]}]}, "got float and int64"),
        ({"examples": [{"x": [1, "a"]}]}, "got bytes and int64"),
        ({"examples": [{"x": 2**63}]}, "must lie within int64"),
        ({"examples": [{"x": {"b64": "?"}}]}, "Unable to base64 decode"),
        ({"examples": [{"\ud800": 1}]}, "surrogate"),
    ],
)
def test_value_that_can_be_no_feature_is_refused(body: Any, text: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read_examples(body)
    assert text in str(refused.value)
