"""A TFLite model and the SavedModel beside it as one: each signature is run by the first of the two that has it.

A `model.tflite` often has only the signature that is asked most, as TFLite has no operations to decode images or to
parse Examples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from slipline.serving.errors import BadRequest
from slipline.serving.models.graph_traits import GraphTraits
from slipline.serving.models.loaded_model import LoadedModel
from slipline.serving.models.tflite.tflite_model import TfliteModel
from slipline.serving.wire import saved_model_pb2
from slipline.serving.wire.tensors import Array

PREFIX = "tflite/"  # tells the tensors of one model from those of the other


class PairedModel(LoadedModel):
    """Both models in memory; the tensors of the TFLite model go by names with `PREFIX`."""

    def __init__(self, tflite: TfliteModel, saved_model: LoadedModel) -> None:
        """Takes over both."""
        own = {name: _prefixed(signature) for name, signature in tflite.signatures.items()}
        super().__init__(tflite.folder, {**saved_model.signatures, **own})
        self._tflite = tflite
        self._saved_model = saved_model

    def compute(self, feeds: Mapping[str, Array], fetches: Sequence[str]) -> dict[str, Array]:
        """The tensors called `fetches`, by name, given those in `feeds`.

        Raises:
          BadRequest: The tensors are of both models, or the model does not take what it was given.
        """
        own = {name.startswith(PREFIX) for name in (*feeds, *fetches)}
        if len(own) > 1:
            raise BadRequest("these signatures are of two models, model.tflite and the SavedModel; ask one at a time")
        if True not in own:
            return self._saved_model.compute(feeds, fetches)
        values = {name.removeprefix(PREFIX): array for name, array in feeds.items()}
        computed = self._tflite.compute(values, [name.removeprefix(PREFIX) for name in fetches])
        return {PREFIX + name: array for name, array in computed.items()}

    def traits(self) -> Mapping[str, GraphTraits]:
        """Those of the model that runs each signature."""
        return {**self._saved_model.traits(), **self._tflite.traits()}

    def fetches_for(self, signature: saved_model_pb2.SignatureDef, tensors: Iterable[str]) -> list[str]:
        """`tensors`, or more, as the model that runs the signature would have it."""
        wanted = list(tensors)
        if any(name.startswith(PREFIX) for name in wanted):
            return sorted(set(wanted))
        return self._saved_model.fetches_for(signature, wanted)

    def interrupt(self) -> None:
        """Interrupts both."""
        self._tflite.interrupt()
        self._saved_model.interrupt()

    def close(self) -> None:
        """Frees the memory of both."""
        self._tflite.close()
        self._saved_model.close()


def _prefixed(signature: saved_model_pb2.SignatureDef) -> saved_model_pb2.SignatureDef:
    prefixed = saved_model_pb2.SignatureDef()
    prefixed.CopyFrom(signature)
    for info in (*prefixed.inputs.values(), *prefixed.outputs.values()):
        info.name = PREFIX + info.name
    return prefixed
