"""Answers to Predict read from the wire: arrays are views of the message, where it holds them as memory does."""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError

from slipline.serving.errors import BadRequest, DataLoss
from slipline.serving.wire import serving_pb2, tensor_pb2
from slipline.serving.wire.tensors import FIELDS, NAMES, Array, numpy_dtype, to_array

MAX_LAYOUTS = 64

# What a tag says besides the field's number, in its lowest three bits.
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5

_FIELD = {field.name: field.number for field in tensor_pb2.TensorProto.DESCRIPTOR.fields}
_DTYPE = _FIELD["dtype"] << 3 | _VARINT
_SHAPE = _FIELD["tensor_shape"] << 3 | _LENGTH
_CONTENT = _FIELD["tensor_content"] << 3 | _LENGTH
# Where a tensor of a dtype lies in the message as it lies in memory, if not in tensor_content.
_VALUES = {
    data_type: _FIELD[FIELDS[name]] << 3 | _LENGTH
    for data_type, name in NAMES.items()
    if name in ("float32", "float64", "complex64", "complex128")
}
# Where whole numbers lie one varint after the other: each is one byte, its value, where all are below 128.
_INTEGERS = {
    data_type: _FIELD[FIELDS.get(name, "int_val")] << 3 | _LENGTH
    for data_type, name in NAMES.items()
    if np.dtype(name if name != "bfloat16" else "float32").kind in "iub"
}
_OUTPUTS, _SPEC = 1 << 3 | _LENGTH, 2 << 3 | _LENGTH  # PredictResponse
_KEY, _VALUE = 1 << 3 | _LENGTH, 2 << 3 | _LENGTH  # an entry of a map


class Kind(Enum):
    """How an output is read."""

    VIEW = "its values lie there as in memory, in one piece"
    SMALL_INTEGERS = "each of its values is one byte below 128"
    PARSED = "as Protocol Buffers' library reads it"


class Place(NamedTuple):
    """Where an output lies in a message: its values, or all of a tensor that is parsed.

    Attributes:
      name: The output's.
      kind: How it is read.
      first: Where it begins.
      last: Where it ends.
      dtype: Of its array; for one that is parsed the message tells.
      shape: So, too.
    """

    name: str
    kind: Kind
    first: int
    last: int
    dtype: np.dtype[Any] | None = None
    shape: tuple[int, ...] = ()


class Layout(NamedTuple):
    """How a message is built, beside the values of its outputs.

    Attributes:
      frames: The pieces between the values, with their places.
      places: Of the outputs.
      version: The version that answered.
    """

    frames: tuple[tuple[bytes, int], ...]
    places: tuple[Place, ...]
    version: int


class AnswerReader:
    """Reads the answers of one model; as most have the shapes of an earlier one, it knows where their values lie."""

    def __init__(self) -> None:
        self._layouts: dict[int, Layout] = {}  # by size

    def read(self, message: bytes) -> tuple[dict[str, Array], int]:
        """The outputs of a PredictResponse by name, read-only, and the version that answered.

        Raises:
          DataLoss: The message is no PredictResponse.
        """
        layout = self._layouts.get(len(message))
        if layout is not None and _fits(layout, message):
            return {place.name: _array(message, place) for place in layout.places}, layout.version
        try:
            return self._read(message)
        except (IndexError, DecodeError, UnicodeDecodeError, BadRequest) as error:
            raise DataLoss(f"the answer is no PredictResponse ({error}); is it a model server that answers?") from error

    def _read(self, message: bytes) -> tuple[dict[str, Array], int]:
        places = []
        version = 0
        for tag, begin, end in _fields(message, 0, len(message)):
            if tag == _OUTPUTS:
                places.append(_place(message, *_entry(message, begin, end)))
            elif tag == _SPEC:
                version = serving_pb2.ModelSpec.FromString(message[begin:end]).version.value
        outputs = {place.name: _array(message, place) for place in places}
        self._remember(message, tuple(places), version)
        return outputs, version

    def _remember(self, message: bytes, places: tuple[Place, ...], version: int) -> None:
        begins = [0, *(place.last for place in places)]
        ends = [*(place.first for place in places), len(message)]
        frames = tuple((message[begin:end], begin) for begin, end in zip(begins, ends, strict=True))
        if len(self._layouts) >= MAX_LAYOUTS:
            self._layouts.clear()
        self._layouts[len(message)] = Layout(frames, places, version)


def _fits(layout: Layout, message: bytes) -> bool:
    for frame, begin in layout.frames:
        if not message.startswith(frame, begin):
            return False
    small = Kind.SMALL_INTEGERS
    return all(each.kind is not small or message[each.first : each.last].isascii() for each in layout.places)


def _array(message: bytes, place: Place) -> Array:
    _, kind, first, last, dtype, shape = place
    if kind is Kind.VIEW:
        array = np.frombuffer(message, dtype, math.prod(shape), first).reshape(shape)
    elif kind is Kind.SMALL_INTEGERS:
        array = np.frombuffer(message, np.uint8, last - first, first).astype(dtype).reshape(shape)
    else:
        array = to_array(tensor_pb2.TensorProto.FromString(message[first:last]))
    array.flags.writeable = False  # all alike, so that no caller depends on which way it came
    return array


def _entry(message: bytes, begin: int, end: int) -> tuple[str, int, int]:
    """An output's name, and where its tensor begins and ends."""
    name, first, last = "", end, end
    for tag, inside, after in _fields(message, begin, end):
        if tag == _KEY:
            name = message[inside:after].decode()
        elif tag == _VALUE:
            first, last = inside, after
    return name, first, last


def _place(message: bytes, name: str, begin: int, end: int) -> Place:
    """Where the tensor's values lie, if that is in one piece and as many as its shape says; else the tensor."""
    parsed = Place(name, Kind.PARSED, begin, end)
    data_type, shape = 0, b""
    values = []
    for tag, first, last in _fields(message, begin, end):
        if tag == _DTYPE:
            data_type = first
        elif tag == _SHAPE:
            shape = message[first:last]
        else:
            values.append((tag, first, last))
    if len(values) != 1 or data_type not in NAMES or data_type == tensor_pb2.DT_STRING:
        return parsed
    ((tag, first, last),) = values
    dtype = numpy_dtype(data_type)
    sizes = tuple(dim.size for dim in tensor_pb2.TensorShapeProto.FromString(shape).dim)
    count = math.prod(sizes)
    if count <= 0:
        return parsed
    if tag == _INTEGERS.get(data_type) and last - first == count and message[first:last].isascii():
        return Place(name, Kind.SMALL_INTEGERS, first, last, dtype, sizes)
    if tag not in (_CONTENT, _VALUES.get(data_type)) or last - first != count * dtype.itemsize:
        return parsed
    return Place(name, Kind.VIEW, first, last, _little_endian(dtype), sizes)


def _little_endian(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype if np.little_endian else dtype.newbyteorder("<")


def _fields(message: bytes, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Each field's tag, and where its content begins and ends; for a varint, its value in place of the begin."""
    position = begin
    while position < end:
        tag, position = _varint(message, position)
        kind = tag & 7
        first = position
        if kind == _LENGTH:
            size, first = _varint(message, position)
            position = first + size
        elif kind == _VARINT:
            first, position = _varint(message, position)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            position += 8 if kind == _EIGHT_BYTES else 4
        else:
            raise IndexError(f"a field of wire type {kind}")
        if position > end:
            raise IndexError("a field is cut off")
        yield tag, first, position


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = message[position]
    if value < 0x80:
        return value, position + 1
    value &= 0x7F
    for shift in range(7, 70, 7):
        position += 1
        byte = message[position]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position + 1
    raise IndexError("a number has more than 10 bytes")
