"""Which tensors of a model have a row for each example of a request, as far as its signatures say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from slipline.serving.models.graph_traits import NOTHING_KNOWN, GraphTraits
from slipline.serving.models.loaded_model import LoadedModel
from slipline.serving.server.batching.lanes import Graph, Record
from slipline.serving.wire import saved_model_pb2, tensor_pb2


@dataclass(frozen=True)
class RowTensors:
    """What is known of a model's tensors beforehand.

    Attributes:
      infos: What each signature that names the tensor says of it.
      traits: Of what runs for it.
    """

    infos: Mapping[str, Sequence[saved_model_pb2.TensorInfo]] = field(default_factory=dict)
    traits: Mapping[str, GraphTraits] = field(default_factory=dict)

    @classmethod
    def of(cls, model: LoadedModel) -> RowTensors:
        """What the signatures and the graph of `model` say."""
        infos: dict[str, list[saved_model_pb2.TensorInfo]] = {}
        traits: dict[str, GraphTraits] = {}
        of_signature = model.traits()
        for name, signature in model.signatures.items():
            for info in (*signature.inputs.values(), *signature.outputs.values()):
                infos.setdefault(info.name, []).append(info)
            traits.update(dict.fromkeys((info.name for info in signature.outputs.values()), of_signature[name]))
        return cls(infos, traits)

    def record(self, graph: Graph) -> Record:
        """What is known of a graph before it ever ran."""
        traits = [self.traits.get(name, NOTHING_KNOWN) for name in graph.fetches]
        with_rows = all(self._has_rows(name) for name in (*graph.feeds, *graph.fetches))
        numbers = all(self._is_number(name) for name in graph.feeds)
        return Record(
            is_separable=with_rows and all(trait.is_state_free for trait in traits),
            is_foreseeable=numbers and not any(trait.has_loops for trait in traits),
        )

    def _has_rows(self, name: str) -> bool:
        shapes = [info.tensor_shape for info in self.infos.get(name, ())]
        return bool(shapes) and all(
            not shape.unknown_rank and len(shape.dim) > 0 and shape.dim[0].size == -1 for shape in shapes
        )

    def _is_number(self, name: str) -> bool:
        infos = self.infos.get(name, ())
        return bool(infos) and all(info.dtype != tensor_pb2.DT_STRING for info in infos)
