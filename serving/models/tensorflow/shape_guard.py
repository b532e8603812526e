"""Keeps inputs of shapes that no operation takes from the kernels, some of which end the process over them.

TensorFlow's convolutions on CPU (oneDNN) do so over an input of another rank than 4. So a shape for which the graph was
not made is first sent through TensorFlow's own shape inference, which knows what the operations take.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

from slipline.serving.errors import BadRequest
from slipline.serving.models.tensorflow.flat_graph import NotFlattened, flatten, placeholder
from slipline.serving.models.tensorflow.native import Session, TensorFlowError
from slipline.serving.models.tensorflow.native_graph import TensorSpec, graph_def, infer_shapes, op_def, tensor_spec
from slipline.serving.wire import graph_pb2, tensor_pb2
from slipline.serving.wire.tensors import Array, data_type_of

MAX_PROBES = 16
MAX_VERDICTS = 1024

Shapes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class _Run:
    """Which tensors are fed, and which are wanted."""

    feeds: tuple[str, ...]
    fetches: tuple[str, ...]


class ShapeGuard:
    """Says of the inputs of one loaded graph whether its operations take their shapes. Thread-safe."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._specs: dict[str, TensorSpec] = {}
        # Clients choose the outputs and the shapes, so what is remembered of them has a limit.
        self._building = Lock()  # one at a time, as a graph may be large
        self._probe_of = lru_cache(MAX_PROBES)(self._probe)
        self._verdict_of = lru_cache(MAX_VERDICTS)(self._verdict)

    def check(self, feeds: Mapping[str, Array], fetches: Sequence[str]) -> None:
        """Returns if the operations between `feeds` and `fetches` take the shapes of `feeds`, as far as can be said.

        Args:
          feeds: Values by the name of a tensor.
          fetches: Names of tensors.

        Raises:
          BadRequest: One does not.
        """
        specs = {name: self._spec(name) for name in feeds}
        if any(specs[name].data_type != data_type_of(array) for name, array in feeds.items()):
            return  # refused by the session, before any kernel
        if all(_is_routine(specs[name], array.shape) for name, array in feeds.items()):
            return
        verdict = self._verdict_of(_Run(tuple(feeds), tuple(fetches)), tuple(array.shape for array in feeds.values()))
        if verdict:
            raise BadRequest(_message(specs, feeds, verdict))

    def _spec(self, name: str) -> TensorSpec:
        if name not in self._specs:
            self._specs[name] = tensor_spec(self._session, name)
        return self._specs[name]

    def _verdict(self, run: _Run, shapes: Shapes) -> str:
        """Why these shapes are refused; empty if they are not."""
        with self._building:
            probe = self._probe_of(run)
        if probe is None:  # then only what the graph was made for is surely safe
            fits = all(self._spec(name).takes(shape) for name, shape in zip(run.feeds, shapes, strict=True))
            return "" if fits else "the graph was not made for it"
        protos = [tensor_pb2.TensorShapeProto(dim=map(_dim, shape)) for shape in shapes]
        try:
            infer_shapes(probe + self._inputs(run, protos))
        except TensorFlowError as error:
            return str(error)
        return ""

    def _probe(self, run: _Run) -> bytes | None:
        """The graph of `run` in wire format, without its inputs; None if shapes cannot be inferred through it."""
        stands_for = {name: _input_name(position) for position, name in enumerate(run.feeds)}
        try:
            graph = flatten(graph_def(self._session), stands_for, run.fetches, lambda op: op_def(self._session, op))
            probe = graph.SerializeToString()
            made_for = [_shape_proto(self._spec(name).shape) for name in run.feeds]
            infer_shapes(probe + self._inputs(run, made_for))
        except (NotFlattened, TensorFlowError):
            return None
        return probe

    def _inputs(self, run: _Run, shapes: Sequence[tensor_pb2.TensorShapeProto]) -> bytes:
        types = [self._spec(name).data_type for name in run.feeds]
        nodes = [placeholder(_input_name(i), types[i], shape) for i, shape in enumerate(shapes)]
        return graph_pb2.GraphDef(node=nodes).SerializeToString()


def _is_routine(spec: TensorSpec, shape: tuple[int, ...]) -> bool:
    """Whether the graph was made for this very shape, but for the size of the batch."""
    return spec.takes(shape) and spec.shape is not None and None not in spec.shape[1:]


def _input_name(position: int) -> str:
    return f"slipline_input_{position}"


def _dim(size: int | None) -> tensor_pb2.TensorShapeProto.Dim:
    return tensor_pb2.TensorShapeProto.Dim(size=-1 if size is None else size)


def _shape_proto(shape: tuple[int | None, ...] | None) -> tensor_pb2.TensorShapeProto:
    if shape is None:
        return tensor_pb2.TensorShapeProto(unknown_rank=True)
    return tensor_pb2.TensorShapeProto(dim=map(_dim, shape))


def _message(specs: Mapping[str, TensorSpec], feeds: Mapping[str, Array], reason: str) -> str:
    came = ", ".join(f"{name}: {list(array.shape)}" for name, array in feeds.items())
    wanted = ", ".join(f"{name}: {_words(spec.shape)}" for name, spec in specs.items())
    return f"the model's operations do not take inputs of shape {{{came}}}, it was made for {{{wanted}}}: {reason}"


def _words(shape: tuple[int | None, ...] | None) -> str:
    return "any" if shape is None else f"[{', '.join('?' if size is None else str(size) for size in shape)}]"
