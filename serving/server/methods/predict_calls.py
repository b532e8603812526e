"""Reading serialized PredictRequests; those that differ from an earlier one in their numbers only are not parsed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from slipline.serving.errors import BadRequest
from slipline.serving.models.loaded_model import DEFAULT_SIGNATURE
from slipline.serving.server.methods.request_messages import check_spec, parsed
from slipline.serving.server.routing import Meant
from slipline.serving.wire import serving_pb2, tensor_pb2
from slipline.serving.wire.decode_predict import Layout, form_of
from slipline.serving.wire.tensors import Array, to_array

LARGE_BYTES = 1 << 20  # such a request is read in a thread, as the others would wait for it
MAX_LENGTHS = 256  # clients choose what they send, so what is remembered has limits
MAX_TRIES = 8  # to learn a form, among requests of one length


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

    @classmethod
    def by(cls, spec: serving_pb2.ModelSpec, inputs: Iterable[str], outputs: Iterable[str] = ()) -> Asked:
        """What a request asks for with that spec."""
        signature = spec.signature_name or DEFAULT_SIGNATURE
        return cls(meant=Meant.by(spec), signature=signature, inputs=tuple(inputs), outputs=tuple(outputs))


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
        asked = Asked.by(request.model_spec, request.inputs, request.output_filter)
        return cls(asked, partial(_arrays, request))


class CallReader:
    """Reads requests, and remembers their forms. For one thread."""

    def __init__(self) -> None:
        """Nothing is remembered yet."""
        self._of_length: dict[int, _Forms] = {}

    def known(self, serialized: bytes) -> PredictCall | None:
        """The call that a serialized PredictRequest is, if it is of a form that is remembered."""
        forms = self._of_length.get(len(serialized))
        for asked, form in forms.known if forms else ():
            if form.fits(serialized):
                return PredictCall(asked, partial(form.arrays, serialized))
        return None

    async def read(self, serialized: bytes) -> PredictCall:
        """The call that any serialized PredictRequest is.

        Raises:
          BadRequest: It is no such message, or names no model.
        """
        is_large = len(serialized) >= LARGE_BYTES
        read = partial(parsed, serialized, serving_pb2.PredictRequest)
        request = await asyncio.to_thread(read) if is_large else read()
        check_spec(request)
        call = PredictCall.of(request)
        if not is_large:
            self._learn(serialized, call.asked)
        return call

    def _learn(self, serialized: bytes, asked: Asked) -> None:
        """Remembers the form of a request, if it has one, from the second of its length on."""
        forms = self._of_length.get(len(serialized))
        if forms is None:
            if len(self._of_length) >= MAX_LENGTHS:
                self._of_length.clear()
            self._of_length[len(serialized)] = _Forms()
        elif forms.tries:
            forms.tries -= 1
            form = form_of(serialized)
            if form is not None:
                forms.known.append((asked, form))


@dataclass
class _Forms:
    """The forms of requests of one length."""

    known: list[tuple[Asked, Layout]] = field(default_factory=list)
    tries: int = MAX_TRIES


def _arrays(request: serving_pb2.PredictRequest) -> dict[str, Array]:
    return {name: _array(name, tensor) for name, tensor in request.inputs.items()}


def _array(name: str, tensor: tensor_pb2.TensorProto) -> Array:
    try:
        return to_array(tensor)
    except BadRequest as error:
        raise BadRequest(f"tensor parsing error: {name}: {error}") from error
