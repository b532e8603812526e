"""Requests in Protocol Buffers' wire format, written directly: an array is copied once, into the message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from slipline.serving.errors import MessageTooLarge
from slipline.serving.wire.tensors import NAMES, Array, data_type_of, to_proto

MAX_MESSAGE_BYTES = 2**31 - 1  # Protocol Buffers' limit

# Tag bytes: field number << 3 | wire type, where 0 is a varint and 2 a length with that many bytes.
_SPEC, _INPUT, _OUTPUT_FILTER = b"\x0a", b"\x12", b"\x1a"  # PredictRequest
_KEY, _VALUE = b"\x0a", b"\x12"  # an entry of a map
_DTYPE, _SHAPE, _CONTENT = b"\x08", b"\x12", b"\x22"  # TensorProto
_DIM, _SIZE = b"\x12", b"\x08"  # TensorShapeProto


def predict_request(spec: bytes, inputs: Mapping[str, Array], output_filter: Sequence[str] = ()) -> bytes:
    """A PredictRequest.

    Args:
      spec: The serialized ModelSpec.
      inputs: By input name, of any dtype that a tensor can have; numbers go into `tensor_content`.
      output_filter: The outputs wanted; empty for all.

    Raises:
      BadRequest: No tensor can hold an array.
      MessageTooLarge: The request would have 2 GiB or more.
    """
    parts: list[bytes | Array] = [_SPEC, varint(len(spec)), spec]
    for name, array in inputs.items():
        parts += _numbers(name, array) if array.dtype.kind in "fiubc" else _others(name, array)
    for name in output_filter:
        parts += (_OUTPUT_FILTER, _sized(name.encode()))
    size = sum(part.nbytes if isinstance(part, np.ndarray) else len(part) for part in parts)
    if size > MAX_MESSAGE_BYTES:
        raise MessageTooLarge(f"a request may have {MAX_MESSAGE_BYTES} bytes, got {size}; send fewer rows in each")
    return b"".join(parts)  # type: ignore[arg-type]  # arrays are buffers, which join takes


def varint(value: int) -> bytes:
    """A number of at least 0, seven bits a byte, the lowest first."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _numbers(name: str, array: Array) -> tuple[bytes, Array]:
    """One input whose values lie on the wire as in memory."""
    if not array.dtype.isnative or not array.flags.c_contiguous:
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
    return _head(name, data_type_of(array), array.shape, array.nbytes), array


def _others(name: str, array: Array) -> tuple[bytes, bytes]:
    """One input of strings, or of a dtype that is no buffer, such as bfloat16."""
    if NAMES[data_type_of(array)] == "object":
        tensor = to_proto(array).SerializeToString()
        return _entry(name, len(tensor)), tensor
    bits = np.ascontiguousarray(array).tobytes()
    return _head(name, data_type_of(array), array.shape, len(bits)), bits


@lru_cache(maxsize=256)  # a caller mostly sends the same few shapes
def _head(name: str, data_type: int, shape: tuple[int, ...], size_bytes: int) -> bytes:
    """All of an input but its content of `size_bytes`."""
    dims = b"".join(_DIM + _sized(_SIZE + varint(size)) for size in shape)
    head = _DTYPE + varint(data_type) + _SHAPE + _sized(dims) + _CONTENT + varint(size_bytes)
    return _entry(name, len(head) + size_bytes) + head


def _entry(name: str, tensor_bytes: int) -> bytes:
    """The begin of an entry of `inputs`, up to its tensor."""
    head = _KEY + _sized(name.encode()) + _VALUE + varint(tensor_bytes)
    return _INPUT + varint(len(head) + tensor_bytes) + head


def _sized(content: bytes) -> bytes:
    return varint(len(content)) + content
