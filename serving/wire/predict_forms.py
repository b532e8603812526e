"""What requests have in common that differ in their numbers alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from slipline.serving.errors import BadRequest
from slipline.serving.wire import serving_pb2, tensor_pb2
from slipline.serving.wire.tensors import FIELD_NUMBERS, Array, delimiter, little_endian, to_array

MAX_REST_BYTES = 4096  # of a form

_INVERTED = bytes(range(255, -1, -1))


@dataclass(frozen=True)
class Numbers:
    """Where an input's numbers lie in a serialized request, and what they are."""

    begin: int
    end: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Form:
    """A serialized PredictRequest but for its numbers.

    Attributes:
      numbers: By the name of an input.
      rest: All other bytes, in pieces, each with the place where it begins.
    """

    numbers: Mapping[str, Numbers]
    rest: Sequence[tuple[int, bytes]]

    def fits(self, serialized: bytes) -> bool:
        """Whether a request of the same length is of this form."""
        for begin, piece in self.rest:  # noqa: SIM110  all() takes twice as long
            if not serialized.startswith(piece, begin):
                return False
        return True

    def arrays(self, serialized: bytes) -> dict[str, Array]:
        """The inputs of a request of this form."""
        return {
            name: np.ndarray(found.shape, found.dtype, serialized[found.begin : found.end])
            for name, found in self.numbers.items()
        }


def form_of(serialized: bytes) -> Form | None:
    """The form of a PredictRequest; None if it has an input whose numbers do not lie in one piece, or much beside them.

    The numbers are looked for, and inverted bit by bit. If what then is parsed has the inverted numbers, and all else
    is the same, they lie there.
    """
    request = serving_pb2.PredictRequest.FromString(serialized)
    inverted = bytearray(serialized)
    numbers = {}
    for name, tensor in request.inputs.items():
        found = _numbers_of(serialized, tensor)
        if found is None:
            return None
        tensor.tensor_content = tensor.tensor_content.translate(_INVERTED)
        inverted[found.begin : found.end] = tensor.tensor_content
        numbers[name] = found
    rest = _between(serialized, numbers.values())
    if not _is_parsed_as(request, bytes(inverted)) or sum(len(piece) for _, piece in rest) > MAX_REST_BYTES:
        return None
    return Form(numbers, rest)


def _is_parsed_as(request: serving_pb2.PredictRequest, serialized: bytes) -> bool:
    try:
        return serving_pb2.PredictRequest.FromString(serialized) == request
    except DecodeError:  # the bytes inverted were others
        return False


def _numbers_of(serialized: bytes, tensor: tensor_pb2.TensorProto) -> Numbers | None:
    """Where the numbers of `tensor` seem to lie."""
    try:
        array = to_array(tensor)
    except BadRequest:
        return None
    packed = delimiter(FIELD_NUMBERS["tensor_content"], len(tensor.tensor_content)) + tensor.tensor_content
    begin = serialized.find(packed)
    lies_as_in_memory = little_endian(array.dtype).isnative and array.nbytes == len(tensor.tensor_content)
    if begin < 0 or array.dtype.hasobject or not lies_as_in_memory:
        return None
    end = begin + len(packed)
    return Numbers(end - array.nbytes, end, array.dtype, array.shape)


def _between(serialized: bytes, numbers: Iterable[Numbers]) -> list[tuple[int, bytes]]:
    ordered = sorted(numbers, key=lambda found: found.begin)
    begins = [0, *(found.end for found in ordered)]
    ends = [*(found.begin for found in ordered), len(serialized)]
    return [(begin, serialized[begin:end]) for begin, end in zip(begins, ends, strict=True)]
