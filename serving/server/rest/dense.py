"""One JSON value as a tensor. Types are strict, as in TensorFlow Serving: `1.0` is no integer and `1` no text."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from slipline.serving.errors import BadRequest, Unsupported
from slipline.serving.server.rest.json_text import quoted, type_name
from slipline.serving.wire import tensor_pb2
from slipline.serving.wire.tensors import DATA_TYPES, MAX_RANK, Array, string_array, type_text

_KINDS: Mapping[str, frozenset[type]] = {
    **dict.fromkeys(("float32", "float64"), frozenset({int, float})),
    **dict.fromkeys(("int8", "int16", "int32", "int64", "uint8", "uint32", "uint64"), frozenset({int})),
    "bool": frozenset({bool}),
}
NUMBERS = {int(DATA_TYPES[name]): np.dtype(name) for name in _KINDS}
"""The types of number that JSON can express, by their `DataType` numbers."""

# Read as int32 first, whatever is too large for them wraps.
_NARROW = (np.dtype("int8"), np.dtype("int16"), np.dtype("uint8"))


def is_base64(value: object) -> bool:
    """Whether an object is a string value in disguise: `{"b64": "..."}`."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def dense(value: object, data_type: int) -> Array:
    """The tensor that nested lists make, or a scalar; strings are an object array of `bytes`.

    Args:
      value: Parsed JSON.
      data_type: A `DataType` number.

    Raises:
      BadRequest: A value is of another type, or lists of one level differ in length.
      Unsupported: JSON cannot express that dtype.
    """
    leaves, shape = _flattened(value)
    if data_type == tensor_pb2.DT_STRING:
        return string_array([string_value(leaf) for leaf in leaves], shape)
    if data_type not in NUMBERS:
        raise Unsupported(f"JSON cannot be read as a tensor of type {type_text(data_type)}; ask over gRPC")
    dtype = NUMBERS[data_type]
    kinds = _KINDS[dtype.name]
    if not kinds.issuperset(map(type, leaves)):
        raise wrong_type(next(leaf for leaf in leaves if type(leaf) not in kinds), data_type)
    try:
        return _numbers(leaves, dtype).reshape(shape)
    except OverflowError as error:
        bounds = np.iinfo("int32" if dtype in _NARROW else dtype)
        raise wrong_type(next(leaf for leaf in leaves if not bounds.min <= leaf <= bounds.max), data_type) from error


def string_value(value: object) -> bytes:
    """A string's bytes, decoded where it is base64.

    Raises:
      BadRequest: The value is no string, or its base64 is broken.
    """
    if isinstance(value, str):
        try:
            return value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as error:
            raise BadRequest("JSON Parse error: The surrogate pair in string is invalid") from error
    if not is_base64(value):
        raise wrong_type(value, tensor_pb2.DT_STRING)
    text = "".join(value["b64"].split())  # type: ignore[index]  # is_base64 has seen it
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise BadRequest(f"Unable to base64 decode: {quoted(text)} ({error}); use the standard alphabet") from error


def wrong_type(value: object, data_type: int) -> BadRequest:
    """The error that says of which type a value should be."""
    return BadRequest(
        f"JSON Value: {quoted(value)} Type: {type_name(value)} is not of expected type: {type_text(data_type)}"
    )


def _flattened(value: object) -> tuple[list[Any], list[int]]:
    """All leaves in row-major order, and the shape that the lists around them have."""
    level: list[Any] = [value]
    shape: list[int] = []
    while level and isinstance(level[0], list):
        if set(map(type, level)) != {list}:
            odd = next(item for item in level if not isinstance(item, list))
            raise BadRequest(f"Encountered {type_name(odd)} {quoted(odd)} among lists at level {len(shape)}")
        sizes = set(map(len, level))
        if len(sizes) > 1:
            first, other = len(level[0]), next(len(item) for item in level if len(item) != len(level[0]))
            raise BadRequest(
                f"Encountered list at unexpected size: {other} at level: {len(shape)} expected size: {first}"
            )
        shape.append(sizes.pop())
        level = list(chain.from_iterable(level))
    if len(shape) > MAX_RANK:
        raise BadRequest(f"a tensor has at most {MAX_RANK} dimensions, got lists nested {len(shape)} deep")
    return level, shape


def _numbers(leaves: Sequence[Any], dtype: np.dtype[Any]) -> Array:
    if dtype in _NARROW:
        return np.array(leaves, "int32").astype(dtype)
    if dtype.kind != "f":
        return np.array(leaves, dtype)
    with np.errstate(over="ignore"):  # too large becomes infinite
        try:
            return np.array(leaves, dtype)
        except OverflowError:
            return np.array([_infinite_if_large(leaf) for leaf in leaves], dtype)


def _infinite_if_large(number: Any) -> float:
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")
