"""JSON as TensorFlow Serving writes it: numbers as C++ prints them, and strings as the bytes they are."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable

import numpy as np

from slipline.serving.errors import BadRequest
from slipline.serving.server.rest.dense import NUMBERS
from slipline.serving.wire import tensor_pb2
from slipline.serving.wire.tensors import Array, data_type_of, strings_of, type_text


def encoded(text: str) -> bytes:
    """JSON text as UTF-8; surrogates that stand for bytes become these bytes again."""
    return text.encode("utf-8", "surrogateescape")


def string(value: bytes) -> str:
    """A JSON string that holds the bytes as they are, though they be no UTF-8."""
    return json.dumps(value.decode("utf-8", "surrogateescape"), ensure_ascii=False)


def decimals(numbers: Array) -> list[str]:
    """Floating-point numbers of shape [n] as JSON.

    Six significant digits where they read back equal, else 9 (float32) or 17 (float64); never without a fraction or an
    exponent; `NaN` and `Infinity` bare.
    """
    exactly = ".9g" if numbers.dtype == np.float32 else ".17g"
    values = numbers.tolist()
    short = [f"{value:.6g}" for value in values]
    with np.errstate(over="ignore"):
        same = np.array(list(map(float, short)), numbers.dtype) == numbers
    return [
        _as_json(text if is_same else format(value, exactly))
        for text, value, is_same in zip(short, values, same.tolist(), strict=True)
    ]


def rows(array: Array, *, as_base64: bool) -> list[str]:
    """The array as JSON, one text for each index of its first dimension.

    Args:
      array: Of rank 1 or more.
      as_base64: Whether strings are written as `{"b64": "..."}`.

    Raises:
      BadRequest: JSON has nothing for that dtype.
    """
    texts = _leaves(array, as_base64=as_base64)
    for axis in range(array.ndim - 1, 0, -1):
        size, count = array.shape[axis], math.prod(array.shape[:axis])
        texts = [listed(texts[i * size : (i + 1) * size]) for i in range(count)]
    return texts


def whole(array: Array, *, as_base64: bool) -> str:
    """The array as one JSON value, a scalar bare; arguments and errors as in `rows`."""
    if array.ndim == 0:
        return _leaves(array, as_base64=as_base64)[0]
    return listed(rows(array, as_base64=as_base64))


def listed(texts: Iterable[str]) -> str:
    """A JSON array of values in JSON."""
    return f"[{', '.join(texts)}]"


def _leaves(array: Array, *, as_base64: bool) -> list[str]:
    data_type = data_type_of(array)
    if data_type not in (*NUMBERS, tensor_pb2.DT_STRING):
        raise BadRequest(f"Failed to write JSON value for tensor type: {type_text(data_type)}; ask over gRPC")
    flat = array.ravel()
    if data_type == tensor_pb2.DT_STRING:
        strings = strings_of(flat)
        if as_base64:
            return [f'{{"b64": "{base64.b64encode(value).decode()}"}}' for value in strings]
        return list(map(string, strings))
    if flat.dtype.kind == "f":
        return decimals(flat)
    if flat.dtype.kind == "b":
        return ["true" if value else "false" for value in flat.tolist()]
    return list(map(str, flat.tolist()))


def _as_json(text: str) -> str:
    if "." in text or "e" in text:
        return text
    if text == "nan":
        return "NaN"
    if text.endswith("inf"):
        return text.replace("inf", "Infinity")
    return f"{text}.0"
