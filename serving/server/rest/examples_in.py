"""The Examples of a classify or regress request.

What kind a feature is follows from its JSON value alone, as in TensorFlow Serving: `2` is an integer and `2.0` a float,
whatever the model parses.
"""

from __future__ import annotations

from typing import Any

from slipline.serving.errors import BadRequest
from slipline.serving.server.rest.dense import is_base64, string_value
from slipline.serving.server.rest.json_text import JsonObject, quoted, type_name
from slipline.serving.wire import example_pb2, serving_pb2

EXAMPLES, CONTEXT = "examples", "context"


def read_examples(body: JsonObject) -> serving_pb2.Input:
    """The Examples that a request holds, with their shared context if there is one.

    Raises:
      BadRequest: There are none, or a value can be no feature.
    """
    if EXAMPLES not in body:
        raise BadRequest(f"When method is classify or regress, key '{EXAMPLES}' is expected and was not found")
    found = body[EXAMPLES]
    if not isinstance(found, list):
        raise BadRequest(f"Expecting '{EXAMPLES}' value to be a list/array, got {type_name(found)}")
    if not found:
        raise BadRequest(f"'{EXAMPLES}' value array is empty; send at least one Example")
    examples = [_example(value, f"element {index} of '{EXAMPLES}'") for index, value in enumerate(found)]
    if CONTEXT not in body:
        return serving_pb2.Input(example_list=serving_pb2.ExampleList(examples=examples))
    context = _example(body[CONTEXT], f"'{CONTEXT}'")
    return serving_pb2.Input(
        example_list_with_context=serving_pb2.ExampleListWithContext(examples=examples, context=context)
    )


def _example(value: object, place: str) -> example_pb2.Example:
    if not isinstance(value, dict):
        raise BadRequest(f"{place} must be an object of features, got {type_name(value)}: {quoted(value)}")
    example = example_pb2.Example()
    for name, found in value.items():
        try:
            example.features.feature[_text(name)].CopyFrom(_feature(found))
        except (BadRequest, ValueError) as error:
            raise BadRequest(f"{place}, feature {quoted(name)}: {error}") from error
    return example


def _text(name: str) -> str:
    return string_value(name).decode("utf-8", "replace")


def _feature(value: object) -> example_pb2.Feature:
    values: list[Any] = value if isinstance(value, list) else [value]
    if not values:
        return example_pb2.Feature()
    kinds = {_kind(item) for item in values}
    if len(kinds) > 1:
        raise BadRequest(f"a list must hold one kind of value; got {' and '.join(sorted(kinds))}: {quoted(value)}")
    if kinds == {"float"}:
        return example_pb2.Feature(float_list=example_pb2.FloatList(value=values))
    if kinds == {"int64"}:
        return example_pb2.Feature(int64_list=example_pb2.Int64List(value=map(int, values)))
    return example_pb2.Feature(bytes_list=example_pb2.BytesList(value=[string_value(item) for item in values]))


def _kind(value: object) -> str:
    if isinstance(value, str) or is_base64(value):
        return "bytes"
    if isinstance(value, int):  # true and false, too
        if not -(2**63) <= value < 2**63:
            raise BadRequest(f"an integer feature must lie within int64, got {quoted(value)}")
        return "int64"
    if isinstance(value, float):
        return "float"
    raise BadRequest(f"a feature takes numbers, strings or a list of them; got {type_name(value)}: {quoted(value)}")
