"""What TensorFlow knows of a loaded graph: its definition, its operations, and which shapes they take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_int64, c_void_p, string_at
from dataclasses import dataclass
from typing import Any

from slipline.serving.models.tensorflow.native import Session, c_api, checked_status
from slipline.serving.wire import graph_pb2, tensor_pb2


@dataclass(frozen=True)
class TensorSpec:
    """What the graph says of a tensor.

    Attributes:
      data_type: Its `DataType`.
      shape: One entry a dimension, None where any size will do; None if it may have any rank.
    """

    data_type: tensor_pb2.DataType
    shape: tuple[int | None, ...] | None

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Whether a tensor of that shape is what the graph was made for."""
        if self.shape is None or len(self.shape) != len(shape):
            return False
        return all(wanted in (None, size) for wanted, size in zip(self.shape, shape, strict=True))


def tensor_spec(session: Session, tensor_name: str) -> TensorSpec:
    """What the graph says of the tensor.

    Raises:
      TensorFlowError: It is not in the graph.
    """
    library, endpoint = c_api(), session.endpoint(tensor_name)
    data_type = library.TF_OperationOutputType(endpoint)
    with checked_status() as status:
        rank = library.TF_GraphGetTensorNumDims(session.graph, endpoint, status)
    if rank < 0:
        return TensorSpec(data_type, None)
    dims = (c_int64 * rank)()
    with checked_status() as status:
        library.TF_GraphGetTensorShape(session.graph, endpoint, dims, rank, status)
    return TensorSpec(data_type, tuple(None if size < 0 else size for size in dims))


def graph_def(session: Session) -> graph_pb2.GraphDef:
    """The whole graph, with its functions.

    Raises:
      TensorFlowError: It is too large to be written, over 2 GB.
    """
    with _buffer() as buffer:
        with checked_status() as status:
            c_api().TF_GraphToGraphDef(session.graph, buffer, status)
        return graph_pb2.GraphDef.FromString(_content(buffer))


def op_def(session: Session, op: str) -> graph_pb2.OpDef:
    """What an operation takes and gives, such as `Conv2D`.

    Raises:
      TensorFlowError: There is no such operation.
    """
    with _buffer() as buffer:
        with checked_status() as status:
            c_api().TF_GraphGetOpDef(session.graph, op.encode(), buffer, status)
        return graph_pb2.OpDef.FromString(_content(buffer))


def infer_shapes(serialized: bytes) -> None:
    """Returns if every operation takes the shapes of its inputs, as far as they can be known beforehand.

    Args:
      serialized: A GraphDef.

    Raises:
      TensorFlowError: One does not, or the graph is broken.
    """
    library = c_api()
    graph, options = library.TF_NewGraph(), library.TF_NewImportGraphDefOptions()
    buffer: c_void_p = library.TF_NewBufferFromString(serialized, len(serialized))
    try:
        with checked_status() as status:
            library.TF_GraphImportGraphDef(graph, buffer, options, status)
    finally:
        library.TF_DeleteBuffer(buffer)
        library.TF_DeleteImportGraphDefOptions(options)
        library.TF_DeleteGraph(graph)


@contextmanager
def _buffer() -> Iterator[Any]:
    buffer = c_api().TF_NewBuffer()
    try:
        yield buffer
    finally:
        c_api().TF_DeleteBuffer(buffer)


def _content(buffer: Any) -> bytes:
    return string_at(buffer.contents.data, buffer.contents.length)
