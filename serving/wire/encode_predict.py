"""Predict's requests and answers in wire format, written directly: an array is copied once, into the message.

All but the values is the same again and again, so that is remembered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from slipline.serving.errors import MessageTooLarge
from slipline.serving.wire import serving_pb2, tensor_pb2
from slipline.serving.wire.tensors import FIELD_NUMBERS, Array, data_type_of, delimiter, serialized_values

MAX_MESSAGE_BYTES = 2**31 - 1  # Protocol Buffers' limit

_REQUEST_SPEC, _INPUTS, _OUTPUT_FILTER = (
    serving_pb2.PredictRequest.DESCRIPTOR.fields_by_name[name].number
    for name in ("model_spec", "inputs", "output_filter")
)
_OUTPUTS, _REPLY_SPEC = (
    serving_pb2.PredictResponse.DESCRIPTOR.fields_by_name[name].number for name in ("outputs", "model_spec")
)
_KEY, _VALUE = 1, 2  # of any map's entries


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
    parts: list[bytes | Array] = [delimiter(_REQUEST_SPEC, len(spec)), spec]
    for name, array in inputs.items():
        parts += _numbers(name, array) if array.dtype.kind in "fiubc" else _tensor(_INPUTS, name, array, packed=True)
    for output in output_filter:
        parts += (delimiter(_OUTPUT_FILTER, len(output.encode())), output.encode())
    size = sum(part.nbytes if isinstance(part, np.ndarray) else len(part) for part in parts)
    if size > MAX_MESSAGE_BYTES:
        raise MessageTooLarge(f"a request may have {MAX_MESSAGE_BYTES} bytes, got {size}; send fewer rows in each")
    return b"".join(parts)  # type: ignore[arg-type]  # arrays are buffers, which join takes


def predict_reply(
    outputs: Mapping[str, Array], *, model: str, version: int, signature: str, packed: bool = False
) -> bytes:
    """The PredictResponse of what was computed.

    Args:
      outputs: By name.
      model: The name of the model that answers.
      version: Its number.
      signature: The name of the one that was run.
      packed: As for `to_proto`.

    Raises:
      BadRequest: No tensor can hold an output.
    """
    written = [part for name, array in outputs.items() for part in _tensor(_OUTPUTS, name, array, packed=packed)]
    return b"".join([*written, _reply_spec(model, version, signature)])


def _numbers(name: str, array: Array) -> tuple[bytes, bytes, Array]:
    """One input whose values lie on the wire as in memory."""
    if not array.dtype.isnative or not array.flags.c_contiguous:
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
    begin = delimiter(FIELD_NUMBERS["tensor_content"], array.nbytes)
    return _head(_INPUTS, name, array.dtype, array.shape, len(begin) + array.nbytes), begin, array


def _tensor(field: int, name: str, array: Array, *, packed: bool) -> tuple[bytes, bytes]:
    values = serialized_values(array, packed=packed)
    return _head(field, name, array.dtype, array.shape, len(values)), values


@lru_cache(1024)
def _head(field: int, name: str, dtype: np.dtype[Any], shape: tuple[int, ...], values_bytes: int) -> bytes:
    """What comes before the values of a tensor in a map."""
    described = tensor_pb2.TensorProto(dtype=data_type_of(np.empty(0, dtype)))
    for size in shape:
        described.tensor_shape.dim.add(size=size)
    tensor = described.SerializeToString()
    key = delimiter(_KEY, len(name.encode())) + name.encode()
    entry = key + delimiter(_VALUE, len(tensor) + values_bytes) + tensor
    return delimiter(field, len(entry) + values_bytes) + entry


@lru_cache(1024)
def _reply_spec(model: str, version: int, signature: str) -> bytes:
    spec = serving_pb2.ModelSpec(name=model, signature_name=signature)
    spec.version.value = version
    serialized = spec.SerializeToString()
    return delimiter(_REPLY_SPEC, len(serialized)) + serialized
