"""TensorProto to NumPy and back, as TensorFlow's C++ does it, without TensorFlow.

Strings are object arrays of `bytes`. bfloat16 needs the ml_dtypes package, imported when the first such tensor comes.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipline.serving.errors import BadRequest
from slipline.serving.wire import tensor_pb2

Array = NDArray[Any]

MAX_ELEMENTS = 2**31 - 1
MAX_EMPTY_ELEMENTS = 2**24
MAX_RANK = 64  # NumPy's limit; TensorFlow's is 254
MAX_FILLED_BYTES = 16 << 20  # a message of a few bytes may claim no more
STRING_SIZE_BYTES = 32  # of an empty string in NumPy and in TensorFlow, together

DATA_TYPES = {
    "float32": tensor_pb2.DT_FLOAT,
    "float64": tensor_pb2.DT_DOUBLE,
    "int32": tensor_pb2.DT_INT32,
    "uint8": tensor_pb2.DT_UINT8,
    "int16": tensor_pb2.DT_INT16,
    "int8": tensor_pb2.DT_INT8,
    "object": tensor_pb2.DT_STRING,
    "complex64": tensor_pb2.DT_COMPLEX64,
    "int64": tensor_pb2.DT_INT64,
    "bool": tensor_pb2.DT_BOOL,
    "bfloat16": tensor_pb2.DT_BFLOAT16,
    "uint16": tensor_pb2.DT_UINT16,
    "complex128": tensor_pb2.DT_COMPLEX128,
    "float16": tensor_pb2.DT_HALF,
    "uint32": tensor_pb2.DT_UINT32,
    "uint64": tensor_pb2.DT_UINT64,
}
NAMES = {int(data_type): name for name, data_type in DATA_TYPES.items()}

# The field that holds a dtype's values; all others lie in int_val.
FIELDS = {
    "float32": "float_val",
    "float64": "double_val",
    "object": "string_val",
    "complex64": "scomplex_val",
    "int64": "int64_val",
    "bool": "bool_val",
    "bfloat16": "half_val",
    "complex128": "dcomplex_val",
    "float16": "half_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
}

# What the values of a field are, where they are not of the tensor's own dtype.
VALUE_TYPES = {"half_val": "uint16", "scomplex_val": "float32", "dcomplex_val": "float64", "int_val": "int32"}

# Fields whose values lie on the wire as they do in memory, so that an array need not become a list of Python objects.
AS_IN_MEMORY = frozenset({"float_val", "double_val", "scomplex_val", "dcomplex_val", "bool_val"})
FIELD_NUMBERS = {field.name: field.number for field in tensor_pb2.TensorProto.DESCRIPTOR.fields}


def numpy_dtype(data_type: int) -> np.dtype[Any]:
    """The NumPy dtype of a `DataType` number.

    Raises:
      BadRequest: The number is none that a server or its client handles.
    """
    name = NAMES.get(data_type)
    if name is None:
        raise BadRequest(f"a tensor's dtype must be one of {', '.join(sorted(DATA_TYPES))}; got DataType {data_type}")
    if name == "bfloat16":
        import ml_dtypes

        bfloat16: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
        return bfloat16
    return np.dtype(name)


def type_text(data_type: int) -> str:
    """TensorFlow's name of a `DataType` number: `float`, `int64`, `string`, ..."""
    if data_type in tensor_pb2.DataType.values():
        return tensor_pb2.DataType.Name(tensor_pb2.DataType.ValueType(data_type)).removeprefix("DT_").lower()
    return f"DataType {data_type}"


def data_type_of(array: Array) -> tensor_pb2.DataType:
    """The `DataType` of an array; text and bytes of any NumPy kind are DT_STRING.

    Raises:
      BadRequest: No tensor can hold the array.
    """
    data_type = _data_type_of_dtype(array.dtype)
    if data_type is None:
        raise BadRequest(f"a tensor's dtype must be one of {', '.join(sorted(DATA_TYPES))}; got {array.dtype}")
    return data_type


@functools.lru_cache(256)  # NumPy makes a dtype's name anew each time, which takes longer than all the rest
def _data_type_of_dtype(dtype: np.dtype[Any]) -> tensor_pb2.DataType | None:
    return tensor_pb2.DT_STRING if dtype.kind in "SU" else DATA_TYPES.get(dtype.name)


def strings_of(array: Array) -> list[bytes]:
    """The elements of a string array in row-major order; text becomes UTF-8.

    Raises:
      BadRequest: An element is neither bytes nor text.
    """
    return [_string(value) for value in array.ravel().tolist()]


def _string(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    raise BadRequest(f"a string tensor takes bytes or text, got an element of type {type(value).__name__}")


def string_array(strings: Sequence[bytes], shape: Sequence[int]) -> Array:
    """An object array of `shape` that holds `strings` in row-major order."""
    array = np.empty(len(strings), object)
    array[:] = strings
    return array.reshape(shape)


def to_proto(array: Array, *, packed: bool = False) -> tensor_pb2.TensorProto:
    """The array on the wire.

    Args:
      array: Any shape; of a dtype in `DATA_TYPES`, or text or bytes.
      packed: Whether numbers go into `tensor_content`, which is faster; else into the typed field (`float_val`, ...),
        where clients of TensorFlow Serving look for results.

    Raises:
      BadRequest: No tensor can hold the array.
    """
    data_type = data_type_of(array)
    proto = tensor_pb2.TensorProto(dtype=data_type)
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if packed and data_type != tensor_pb2.DT_STRING:
        proto.tensor_content = np.asarray(array, little_endian(array.dtype)).tobytes()
    else:
        proto.MergeFromString(serialized_values(array))
    return proto


def serialized_values(array: Array, *, packed: bool = False) -> bytes:
    """The part of a serialized TensorProto that holds the values; the rest as `to_proto`."""
    on_wire = little_endian(array.dtype)
    number = _field_in_memory(on_wire, packed)
    if number is not None:
        content = np.asarray(array, on_wire).tobytes()
        return delimiter(number, len(content)) + content if content else b""
    name = NAMES[data_type_of(array)]
    proto = tensor_pb2.TensorProto()
    if name == "object":
        proto.string_val.extend(strings_of(array))
        return proto.SerializeToString()
    field = FIELDS.get(name, "int_val")
    values = np.asarray(array, on_wire).view("uint16") if field == "half_val" else array
    getattr(proto, field).extend(values.ravel().tolist())
    return proto.SerializeToString()


@functools.lru_cache(256)
def _field_in_memory(on_wire: np.dtype[Any], packed: bool) -> int | None:
    """The number of the field whose content is the array's bytes; None if the values are written in another way."""
    name = on_wire.name
    if name not in DATA_TYPES or on_wire.hasobject:
        return None
    field = "tensor_content" if packed else FIELDS.get(name, "int_val")
    return FIELD_NUMBERS[field] if packed or field in AS_IN_MEMORY else None


@functools.lru_cache(256)
def little_endian(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The same dtype as it lies on the wire."""
    return dtype.newbyteorder("<")


@functools.lru_cache(1024)
def delimiter(number: int, size_bytes: int) -> bytes:
    """What Protocol Buffers write before a field of bytes, or of a message."""
    return varint(number << 3 | 2) + varint(size_bytes)


def varint(value: int) -> bytes:
    """A number of at least 0, seven bits a byte, the lowest first."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def read_varint(content: bytes, position: int) -> tuple[int, int]:
    """The number that begins at a position, and where it ends.

    Raises:
      IndexError: It does not end there.
    """
    value = content[position]
    if value < 0x80:
        return value, position + 1
    value &= 0x7F
    for shift in range(7, 70, 7):
        position += 1
        byte = content[position]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position + 1
    raise IndexError("a number has more than 10 bytes")


def to_array(proto: tensor_pb2.TensorProto) -> Array:
    """The tensor as an array, with TensorFlow's leniency.

    Missing values repeat the last one, or are zero (empty) if there is none, in tensors of up to 16 MiB; surplus
    values are dropped; integers too large for the dtype wrap.

    Raises:
      BadRequest: The dtype or shape is none, or `tensor_content` has the wrong length.
    """
    dtype = numpy_dtype(proto.dtype)
    shape = _shape(proto.tensor_shape)
    try:
        if proto.tensor_content and 0 not in shape:
            return from_content(proto.tensor_content, dtype, shape)
        return _from_values(proto, dtype, shape)
    except (MemoryError, ValueError) as error:
        raise BadRequest(f"a tensor of shape {list(shape)} is too large for this machine") from error


def _shape(proto: tensor_pb2.TensorShapeProto) -> tuple[int, ...]:
    if len(proto.dim) > MAX_RANK:
        raise BadRequest(f"a tensor may have {MAX_RANK} dimensions, got {len(proto.dim)}")
    shape = tuple(dim.size for dim in proto.dim)
    if proto.unknown_rank or any(size < 0 for size in shape):
        raise BadRequest(f"a tensor's shape must be known, got {'unknown rank' if proto.unknown_rank else list(shape)}")
    # Some operations multiply sizes in 32 bits, or make room for one row of an empty tensor.
    claimed = math.prod(max(size, 1) for size in shape)
    if claimed > (MAX_EMPTY_ELEMENTS if 0 in shape else MAX_ELEMENTS):
        raise BadRequest(
            f"a tensor may have {MAX_ELEMENTS} elements, an empty one {MAX_EMPTY_ELEMENTS} if a size of 0 were 1, "
            f"got {list(shape)}"
        )
    return shape


def from_content(content: bytes, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    """The array whose `tensor_content` that is.

    Raises:
      BadRequest: It has the wrong length.
    """
    count = math.prod(shape)
    if dtype.hasobject:
        return string_array(list(_strings_in(content, count)), shape)
    wanted = count * dtype.itemsize
    if len(content) != wanted:
        raise BadRequest(f"tensor_content of shape {list(shape)} and {dtype} takes {wanted} bytes, got {len(content)}")
    return np.frombuffer(content, little_endian(dtype)).astype(dtype, copy=False).reshape(shape)


def _strings_in(content: bytes, count: int) -> Iterator[bytes]:
    """TensorFlow's packed strings: all lengths as varints, then all bytes."""
    sizes, position = [], 0
    try:
        for _ in range(count):
            size, position = read_varint(content, position)
            sizes.append(size)
    except IndexError as error:
        raise BadRequest("tensor_content ends inside the length of a string") from error
    if position + sum(sizes) != len(content):
        raise BadRequest(f"tensor_content should hold {count} strings of {sum(sizes)} bytes, got {len(content)} bytes")
    for size in sizes:
        yield content[position : position + size]
        position += size


def _from_values(proto: tensor_pb2.TensorProto, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    name = NAMES[proto.dtype]
    field = FIELDS.get(name, "int_val")
    values = getattr(proto, field)
    if dtype.hasobject:
        found = string_array(list(values), [-1])
        return _filled(found, b"", shape)
    found = np.fromiter(values, "int32" if field == "half_val" else VALUE_TYPES.get(field, name), len(values))
    if field == "int_val":
        found = found.astype(dtype)
    elif field == "half_val":
        found = found.astype("uint16")
    elif field in ("scomplex_val", "dcomplex_val"):
        found = found[: len(found) // 2 * 2]
    return _filled(found.view(dtype), 0, shape)


def _filled(found: Array, blank: object, shape: tuple[int, ...]) -> Array:
    """`found`, cut or filled up to `shape` with its last value, or `blank` if it has none."""
    count = math.prod(shape)
    if len(found) >= count:
        return found[:count].reshape(shape)
    last = found[-1] if len(found) else blank
    size_bytes = count * (STRING_SIZE_BYTES + len(last) if isinstance(last, bytes) else found.itemsize)
    if size_bytes > MAX_FILLED_BYTES:
        raise BadRequest(
            f"a tensor of shape {list(shape)} takes {count} values, got {len(found)}; only tensors of up to "
            f"{MAX_FILLED_BYTES >> 20} MiB are filled up with the last one, so send all"
        )
    array = np.full(count, last, found.dtype)
    array[: len(found)] = found
    return array.reshape(shape)
