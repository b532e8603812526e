"""Serialized PredictResponses, made without the message: of most numbers, the bytes are those in memory."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from serving.tensors import Array, length_delimited, lies_as_in_memory, little_endian, to_proto
from serving.wire import serving_pb2

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
    head = _head(name, array.dtype, array.shape, packed)
    if head is None:
        return _entry(name, array, packed)
    return head + np.asarray(array, little_endian(array.dtype)).tobytes()


@lru_cache(1024)
def _head(name: str, dtype: np.dtype[Any], shape: tuple[int, ...], packed: bool) -> bytes | None:
    """What comes before the numbers of an output; None if they are not written as they lie in memory."""
    if not lies_as_in_memory(dtype, packed=packed):
        return None
    blank = np.zeros(shape, dtype)
    entry = _entry(name, blank, packed)
    return entry[: len(entry) - blank.nbytes]


def _entry(name: str, array: Array, packed: bool) -> bytes:
    tensor = to_proto(array, packed=packed).SerializeToString()
    entry = length_delimited(_KEY, name.encode()) + length_delimited(_VALUE, tensor)
    return length_delimited(_OUTPUTS, entry)


@lru_cache(1024)
def _model_spec(model: str, version: int, signature: str) -> bytes:
    spec = serving_pb2.ModelSpec(name=model, signature_name=signature)
    spec.version.value = version
    return length_delimited(_MODEL_SPEC, spec.SerializeToString())
