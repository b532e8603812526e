"""Which tensors of a model have a row for each example of a request, as far as its signatures say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from slipline.serving.models.graph_traits import NOTHING_KNOWN, GraphTraits
from slipline.serving.models.loaded_model import LoadedModel
from slipline.serving.server.batching.lanes import Graph, Record
from slipline.serving.wire import saved_model_pb2, tensor_pb2


@dataclass(frozen=True)
class RowTensors:
    """What is known of a model's tensors beforehand.

    Attributes:
      with_rows: Whether every signature that names the tensor gives it a first dimension of any size.
      is_number: Whether it holds numbers, not strings.
      traits: Of what runs for it.
    """

    with_rows: Mapping[str, bool] = field(default_factory=dict)
    is_number: Mapping[str, bool] = field(default_factory=dict)
    traits: Mapping[str, GraphTraits] = field(default_factory=dict)

    @classmethod
    def of(cls, model: LoadedModel) -> RowTensors:
        """What the signatures and the graph of `model` say."""
        with_rows: dict[str, bool] = {}
        is_number: dict[str, bool] = {}
        traits: dict[str, GraphTraits] = {}
        of_signature = model.traits()
        for name, signature in model.signatures.items():
            for info in (*signature.inputs.values(), *signature.outputs.values()):
                with_rows[info.name] = with_rows.get(info.name, True) and _has_rows(info)
                is_number[info.name] = info.dtype != tensor_pb2.DT_STRING
            traits.update(dict.fromkeys((info.name for info in signature.outputs.values()), of_signature[name]))
        return cls(with_rows, is_number, traits)

    def record(self, graph: Graph) -> Record:
        """What is known of a graph before it ever ran."""
        traits = list(self._traits(graph))
        return Record(
            is_separable=all(t.is_state_free for t in traits)
            and all(self.with_rows.get(name) for name in (*graph.feeds, *graph.fetches)),
            is_foreseeable=not any(t.has_loops for t in traits)
            and all(self.is_number.get(name) for name in graph.feeds),
        )

    def _traits(self, graph: Graph) -> Iterator[GraphTraits]:
        return (self.traits.get(name, NOTHING_KNOWN) for name in graph.fetches)


def _has_rows(info: saved_model_pb2.TensorInfo) -> bool:
    shape = info.tensor_shape
    return not shape.unknown_rank and len(shape.dim) > 0 and shape.dim[0].size == -1
