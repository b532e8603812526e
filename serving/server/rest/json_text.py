"""A request's body as JSON, read as leniently as TensorFlow Serving does.

NaN and infinities are numbers, whatever follows the first value is passed over, and strings may hold any bytes: those
that are no UTF-8 are kept as Python's surrogate escapes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

import numpy as np

from slipline.serving.errors import BadRequest

JsonObject = Mapping[str, object]

BLANKS = " \t\r\n"
_DECODER = json.JSONDecoder()
# Never fails once it has begun, so an odd number of quotes costs no second look. Python spells out Infinity only.
_STRING_OR_INF = re.compile(r'("[^"\\]*(?:\\(?:.|\Z)[^"\\]*)*(?:"|\Z))|\bInf\b', re.DOTALL)

_NO_STRUCTURE = bytes(set(range(256)) - set(b'[]{}"\\'))
# What a bracket adds to the depth, by its character.
_STEPS = np.zeros(256, "int8")
_STEPS[list(b"[{")] = 1
_STEPS[list(b"]}")] = -1


def parse_object(body: bytes, *, max_depth: int) -> JsonObject:
    """The JSON object that a body begins with.

    Args:
      body: UTF-8.
      max_depth: How deep arrays and objects may lie in each other.

    Raises:
      BadRequest: It is no JSON, no object, or too deep.
    """
    text = body.decode("utf-8", "surrogateescape")
    if not text.strip(BLANKS):
        raise BadRequest("JSON Parse error: The document is empty at offset: 0")
    too_deep = BadRequest(f"JSON is nested deeper than the {max_depth} levels that this server reads")
    try:
        value = _parse(text)
    except RecursionError as error:
        raise too_deep from error
    if not _is_surely_flat(body, max_depth) and _depth_exceeds(value, max_depth):
        raise too_deep
    if not isinstance(value, dict):
        raise BadRequest(f"a request's body must be a JSON object, got {type_name(value)}")
    return value


def type_name(value: object) -> str:
    """What JSON calls the type of a parsed value."""
    names: Mapping[type, str] = {dict: "Object", list: "Array", str: "String", int: "Number", float: "Number"}
    return "Null" if value is None else names.get(type(value), str(value))


def quoted(value: object, limit: int = 64) -> str:
    """The value as JSON for an error's text, cut after `limit` characters."""
    if isinstance(value, (list, dict)) and len(value) > limit:
        value = list(value)[:limit]
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else f"{text[:limit]}..."


def _parse(text: str) -> object:
    begin = len(text) - len(text.lstrip(BLANKS))
    try:
        return _DECODER.raw_decode(text, begin)[0]
    except json.JSONDecodeError as error:
        with_infinity = _STRING_OR_INF.sub(lambda match: match[1] or "Infinity", text) if "Inf" in text else text
        if with_infinity != text:
            return _parse(with_infinity)
        offset = len(text[: error.pos].encode("utf-8", "surrogateescape"))
        raise BadRequest(f"JSON Parse error: {error.msg} at offset: {offset}") from error
    except ValueError as error:  # Python reads no integer of more than 4300 digits
        raise BadRequest(f"JSON Parse error: Number too big: {error}") from error


def _is_surely_flat(body: bytes, limit: int) -> bool:
    """Whether the brackets alone show that nothing is deeper than `limit`; a look at every value takes far longer."""
    brackets = body.translate(None, _NO_STRUCTURE).replace(b'""', b"")
    if len(brackets) <= limit:
        return True
    if b'"' in brackets or b"\\" in brackets:  # there are some within strings
        return False
    return int(_STEPS[np.frombuffer(brackets, "uint8")].cumsum(dtype="int64").max()) <= limit


def _depth_exceeds(value: object, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [inner for outer in level for inner in _inside(outer) if isinstance(inner, (list, dict))]
    return bool(level)


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
