"""Serialized PredictResponses, made without the message: all but the values is the same again and again."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from slipline.serving.wire import serving_pb2, tensor_pb2
from slipline.serving.wire.tensors import Array, data_type_of, delimiter, serialized_values

_OUTPUTS, _MODEL_SPEC = (
    serving_pb2.PredictResponse.DESCRIPTOR.fields_by_name[name].number for name in ("outputs", "model_spec")
)
_KEY, _VALUE = 1, 2  # of any map's entries


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
    written = [_written(name, array, packed) for name, array in outputs.items()]
    return b"".join([*written, _model_spec(model, version, signature)])


def _written(name: str, array: Array, packed: bool) -> bytes:
    values = serialized_values(array, packed=packed)
    return _head(name, array.dtype, array.shape, len(values)) + values


@lru_cache(1024)
def _head(name: str, dtype: np.dtype[Any], shape: tuple[int, ...], values_bytes: int) -> bytes:
    """What comes before the values of an output."""
    described = tensor_pb2.TensorProto(dtype=data_type_of(np.empty(0, dtype)))
    for size in shape:
        described.tensor_shape.dim.add(size=size)
    tensor = described.SerializeToString()
    key = delimiter(_KEY, len(name.encode())) + name.encode()
    entry = key + delimiter(_VALUE, len(tensor) + values_bytes) + tensor
    return delimiter(_OUTPUTS, len(entry) + values_bytes) + entry


@lru_cache(1024)
def _model_spec(model: str, version: int, signature: str) -> bytes:
    spec = serving_pb2.ModelSpec(name=model, signature_name=signature)
    spec.version.value = version
    serialized = spec.SerializeToString()
    return delimiter(_MODEL_SPEC, len(serialized)) + serialized
