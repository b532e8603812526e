"""Predict's messages read from the wire: arrays are views of the message, where it holds them as memory does.

Most differ from an earlier one in their numbers alone, so that one's layout is remembered: where the numbers lie, and
the bytes around them. A later one of the same length with the same bytes there says the same, whatever its numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError

from slipline.serving.errors import BadRequest, DataLoss
from slipline.serving.wire import serving_pb2, tensor_pb2
from slipline.serving.wire.tensors import (
    FIELD_NUMBERS,
    FIELDS,
    NAMES,
    Array,
    little_endian,
    numpy_dtype,
    read_varint,
    to_array,
)

MAX_LAYOUTS = 64
MAX_FORM_BYTES = 4096  # beside the numbers

# What a tag says besides the field's number, in its lowest three bits.
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5

_DTYPE = FIELD_NUMBERS["dtype"] << 3 | _VARINT
_SHAPE = FIELD_NUMBERS["tensor_shape"] << 3 | _LENGTH
_CONTENT = FIELD_NUMBERS["tensor_content"] << 3 | _LENGTH
# Where a tensor of a dtype lies in the message as it lies in memory, if not in tensor_content.
_VALUES = {
    data_type: FIELD_NUMBERS[FIELDS[name]] << 3 | _LENGTH
    for data_type, name in NAMES.items()
    if name in ("float32", "float64", "complex64", "complex128")
}
# Where whole numbers lie one varint after the other: each is one byte, its value, where all are below 128.
_INTEGERS = {
    data_type: FIELD_NUMBERS[FIELDS.get(name, "int_val")] << 3 | _LENGTH
    for data_type, name in NAMES.items()
    if np.dtype(name if name != "bfloat16" else "float32").kind in "iub"
}
_INPUTS = 2  # PredictRequest
_OUTPUTS, _SPEC = 1, 2 << 3 | _LENGTH  # PredictResponse
_KEY, _VALUE = 1 << 3 | _LENGTH, 2 << 3 | _LENGTH  # an entry of a map


class Kind(Enum):
    """How a tensor is read."""

    VIEW = "its values lie there as in memory, in one piece"
    SMALL_INTEGERS = "each of its values is one byte below 128"
    PARSED = "as Protocol Buffers' library reads it"


class Place(NamedTuple):
    """Where a tensor lies in a message: its values, or all of it if it is parsed.

    Attributes:
      name: Its key in the message.
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
    """How a message is built, beside the values of its tensors.

    Attributes:
      frames: The pieces between the values, with their places.
      places: Of the tensors.
    """

    frames: tuple[tuple[bytes, int], ...]
    places: tuple[Place, ...]

    @classmethod
    def of(cls, message: bytes, field: int) -> Layout:
        """That of a message with a map of tensors in the field of that number.

        Raises:
          IndexError: It is cut off.
          BadRequest: A tensor is none.
        """
        entries = [(begin, end) for tag, begin, end in _fields(message, 0, len(message)) if tag == field << 3 | _LENGTH]
        places = tuple(_place(message, *_entry(message, begin, end)) for begin, end in entries)
        begins = [0, *(place.last for place in places)]
        ends = [*(place.first for place in places), len(message)]
        return cls(tuple((message[begin:end], begin) for begin, end in zip(begins, ends, strict=True)), places)

    def fits(self, message: bytes) -> bool:
        """Whether a message of the same length says the same, whatever its values are."""
        for frame, begin in self.frames:  # all() takes twice as long
            if not message.startswith(frame, begin):
                return False
        small = Kind.SMALL_INTEGERS
        return all(each.kind is not small or message[each.first : each.last].isascii() for each in self.places)

    def arrays(self, message: bytes) -> dict[str, Array]:
        """The tensors of a message of this layout, by name, read-only."""
        return {place.name: _array(message, place) for place in self.places}


class AnswerReader:
    """Reads the answers of one model; as most have the shapes of an earlier one, it knows where their values lie."""

    def __init__(self) -> None:
        self._layouts: dict[int, tuple[Layout, int]] = {}  # by size, each with the version that answered

    def read(self, message: bytes) -> tuple[dict[str, Array], int]:
        """The outputs of a PredictResponse by name, read-only, and the version that answered.

        Raises:
          DataLoss: The message is no PredictResponse.
        """
        layout, version = self._layouts.get(len(message), (None, 0))
        if layout is not None and layout.fits(message):
            return layout.arrays(message), version
        try:
            layout, version = Layout.of(message, _OUTPUTS), _version(message)
            outputs = layout.arrays(message)
        except (IndexError, DecodeError, UnicodeDecodeError, BadRequest) as error:
            raise DataLoss(f"the answer is no PredictResponse ({error}); is it a model server that answers?") from error
        if len(self._layouts) >= MAX_LAYOUTS:
            self._layouts.clear()
        self._layouts[len(message)] = layout, version
        return outputs, version


def form_of(serialized: bytes) -> Layout | None:
    """The layout of a PredictRequest; None if it has an input whose numbers do not lie in one piece, or much beside."""
    request = serving_pb2.PredictRequest.FromString(serialized)
    try:
        layout = Layout.of(serialized, _INPUTS)
        parsed = {name: to_array(tensor) for name, tensor in request.inputs.items()}
    except (IndexError, BadRequest):
        return None
    beside_bytes = sum(len(frame) for frame, _ in layout.frames)
    if beside_bytes > MAX_FORM_BYTES or any(place.kind is not Kind.VIEW for place in layout.places):
        return None
    # The library merges what stands there twice.
    return layout if _are_the_same(layout.arrays(serialized), parsed) else None


def _are_the_same(found: Mapping[str, Array], parsed: Mapping[str, Array]) -> bool:
    return found.keys() == parsed.keys() and all(
        (array.dtype, array.shape, array.tobytes()) == (parsed[name].dtype, parsed[name].shape, parsed[name].tobytes())
        for name, array in found.items()
    )


def _version(message: bytes) -> int:
    version = 0
    for tag, begin, end in _fields(message, 0, len(message)):
        if tag == _SPEC:
            version = serving_pb2.ModelSpec.FromString(message[begin:end]).version.value
    return version


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
    """A tensor's name, and where it begins and ends."""
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
    return Place(name, Kind.VIEW, first, last, little_endian(dtype), sizes)


def _fields(message: bytes, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Each field's tag, and where its content begins and ends; for a varint, its value in place of the begin."""
    position = begin
    while position < end:
        tag, position = read_varint(message, position)
        kind = tag & 7
        first = position
        if kind == _LENGTH:
            size, first = read_varint(message, position)
            position = first + size
        elif kind == _VARINT:
            first, position = read_varint(message, position)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            position += 8 if kind == _EIGHT_BYTES else 4
        else:
            raise IndexError(f"a field of wire type {kind}")
        if position > end:
            raise IndexError("a field is cut off")
        yield tag, first, position
