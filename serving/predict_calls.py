"""Reading serialized PredictRequests; those that differ from an earlier one in their numbers only are not parsed.

Most clients send the same request again and again, with other numbers. These lie in one piece, `tensor_content`, whose
place the lengths before it decide. So once a request has been parsed, its form is kept: the bytes around the numbers.
A later one of the same length with the same bytes there says the same, whatever its numbers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError

from serving.errors import BadRequest
from serving.models.loaded_model import DEFAULT_SIGNATURE
from serving.tensors import FIELD_NUMBERS, Array, delimiter, little_endian, to_array
from serving.versions.routing import Meant
from serving.wire import serving_pb2, tensor_pb2

LARGE_BYTES = 1 << 20  # such a request is read in a thread, as the others would wait for it
MAX_LENGTHS = 256  # clients choose what they send, so what is remembered has limits
MAX_TRIES = 8  # to learn a form, among requests of one length

_INVERTED = bytes(range(255, -1, -1))


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a request asks for.

    Attributes:
      meant: The version that it means.
      signature: Its name.
      inputs: Their names.
      outputs: Their names; all of the signature's if there are none.
    """

    meant: Meant
    signature: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class PredictCall(NamedTuple):
    """A request that was read.

    Attributes:
      asked: What it asks for.
      arrays: Gives the inputs by name; raises BadRequest for a tensor that is none.
    """

    asked: Asked
    arrays: Callable[[], Mapping[str, Array]]

    @classmethod
    def of(cls, request: serving_pb2.PredictRequest) -> PredictCall:
        """The call that a message is."""
        asked = Asked(
            meant=Meant.by(request.model_spec),
            signature=request.model_spec.signature_name or DEFAULT_SIGNATURE,
            inputs=tuple(request.inputs),
            outputs=tuple(request.output_filter),
        )
        return cls(asked, partial(_arrays, request))


class CallReader:
    """Reads requests, and remembers their forms. For one thread."""

    def __init__(self) -> None:
        """Nothing is remembered yet."""
        self._of_length: dict[int, _Forms] = {}

    def known(self, serialized: bytes) -> PredictCall | None:
        """The call that a serialized PredictRequest is, if it is of a form that is remembered."""
        forms = self._of_length.get(len(serialized))
        for form in forms.known if forms else ():
            if form.fits(serialized):
                return PredictCall(form.asked, partial(form.arrays, serialized))
        return None

    async def read(self, serialized: bytes) -> PredictCall:
        """The call that any serialized PredictRequest is.

        Raises:
          BadRequest: It is no such message, or names no model.
        """
        is_large = len(serialized) >= LARGE_BYTES
        request = await asyncio.to_thread(_parsed, serialized) if is_large else _parsed(serialized)
        check_spec(request)
        if not is_large:
            self._learn(serialized)
        return PredictCall.of(request)

    def _learn(self, serialized: bytes) -> None:
        """Remembers the form of a request, if it has one, from the second of its length on."""
        forms = self._of_length.get(len(serialized))
        if forms is None:
            if len(self._of_length) >= MAX_LENGTHS:
                self._of_length.clear()
            self._of_length[len(serialized)] = _Forms()
        elif forms.tries:
            forms.tries -= 1
            form = _form_of(serialized)
            if form is not None:
                forms.known.append(form)


def check_spec(request: Any) -> None:
    """Returns if a request of any kind names a model.

    Raises:
      BadRequest: It does not.
    """
    if not request.HasField("model_spec"):
        raise BadRequest("Missing ModelSpec")
    if not request.model_spec.name:
        raise BadRequest("ModelSpec has no name specified.")


@dataclass(frozen=True)
class _Numbers:
    """Where an input's numbers lie in a request, and what they are."""

    begin: int
    end: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class _Form:
    """What requests have in common: all but the numbers."""

    asked: Asked
    numbers: Mapping[str, _Numbers]
    rest: Sequence[tuple[int, bytes]]  # with the place where each piece begins

    def fits(self, serialized: bytes) -> bool:
        """Whether a request of the right length is of this form."""
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


@dataclass
class _Forms:
    """The forms of requests of one length."""

    known: list[_Form] = field(default_factory=list)
    tries: int = MAX_TRIES


def _form_of(serialized: bytes) -> _Form | None:
    """The form of a request; None if it has an input whose numbers do not lie in one piece.

    The numbers are looked for, and inverted bit by bit. If what then is parsed has the inverted numbers, and all else
    is the same, they lie there.
    """
    request = _parsed(serialized)
    inverted = bytearray(serialized)
    numbers = {}
    for name, tensor in request.inputs.items():
        found = _numbers_of(serialized, tensor)
        if found is None:
            return None
        tensor.tensor_content = tensor.tensor_content.translate(_INVERTED)
        inverted[found.begin : found.end] = tensor.tensor_content
        numbers[name] = found
    if _parsed(bytes(inverted)) != request:
        return None
    asked = replace(PredictCall.of(request).asked, inputs=tuple(numbers))
    return _Form(asked, numbers, _between(serialized, numbers.values()))


def _numbers_of(serialized: bytes, tensor: tensor_pb2.TensorProto) -> _Numbers | None:
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
    return _Numbers(end - array.nbytes, end, array.dtype, array.shape)


def _between(serialized: bytes, numbers: Iterable[_Numbers]) -> list[tuple[int, bytes]]:
    ordered = sorted(numbers, key=lambda found: found.begin)
    begins = [0, *(found.end for found in ordered)]
    ends = [*(found.begin for found in ordered), len(serialized)]
    return [(begin, serialized[begin:end]) for begin, end in zip(begins, ends, strict=True)]


def _arrays(request: serving_pb2.PredictRequest) -> dict[str, Array]:
    return {name: _array(name, tensor) for name, tensor in request.inputs.items()}


def _array(name: str, tensor: tensor_pb2.TensorProto) -> Array:
    try:
        return to_array(tensor)
    except BadRequest as error:
        raise BadRequest(f"tensor parsing error: {name}: {error}") from error


def _parsed(serialized: bytes) -> serving_pb2.PredictRequest:
    try:
        return serving_pb2.PredictRequest.FromString(serialized)
    except DecodeError as error:
        raise BadRequest(f"the request is no PredictRequest message, or is cut off ({error}); send one") from error
