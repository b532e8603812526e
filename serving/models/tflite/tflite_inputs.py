"""Which inputs a TFLite model takes. LiteRT checks little, and would run some models on images of a wrong size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from slipline.serving.errors import BadRequest
from slipline.serving.models.tflite.tflite_signatures import Graph, Port
from slipline.serving.wire.tensors import Array, data_type_of, numpy_dtype, type_text


def accepted(graph: Graph, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """The inputs of `graph` among `feeds`, as its runner takes them, by their keys.

    The size of a batch is free: the first dimension, if the model leaves it open or was converted for one row. Where a
    row is one number, a plain list of rows will do, which clients of TensorFlow Serving send.

    Raises:
      BadRequest: One is missing, or of another dtype or shape than the model was made for.
    """
    return {
        port.key: _accepted(name, port, feeds.get(name), at) for at, (name, port) in enumerate(graph.inputs.items())
    }


def of_one_blank_row(graph: Graph, values: Mapping[str, Array], fetches: Sequence[str]) -> dict[str, Array]:
    """Stands in for an empty batch, on which LiteRT's operations fail; cut its outputs to no row.

    Raises:
      BadRequest: Something else than the batch is empty, or an output does not come by the row.
    """
    blank = {}
    for name, port in graph.inputs.items():
        shape = values[port.key].shape
        if not shape or shape[0] or 0 in shape[1:] or port.shape[0] not in (None, 1):
            raise BadRequest(
                f"input {name}: only the batch may be empty, of every input alike; got shape {list(shape)}"
            )
        blank[port.key] = _blank(port, (1, *shape[1:]))
    for name in fetches:
        if not graph.outputs[name].shape or graph.outputs[name].shape[0] not in (None, 1):
            raise BadRequest(
                f"output {name} does not come by the row, so it takes a batch of at least 1; got an empty one"
            )
    return blank


def blank_row(graph: Graph) -> dict[str, Array]:
    """Inputs of the smallest shapes that the model was made for, filled with zeros or empty strings."""
    return {port.key: _blank(port, tuple(size or 1 for size in port.shape)) for port in graph.inputs.values()}


def _accepted(name: str, port: Port, array: Array | None, position: int) -> Array:
    if array is None:
        raise BadRequest(f"input {name} is missing")
    data_type = data_type_of(array)
    if data_type != port.data_type:
        wanted, came = type_text(port.data_type), type_text(data_type)
        raise BadRequest(f"input {name}: Expects arg[{position}] to be {wanted} but {came} is provided")
    if _fits(port.shape, array.shape):
        return array
    if array.ndim == 1 and len(port.shape) > 1 and set(port.shape[1:]) == {1} and port.shape[0] in (None, 1):
        return array.reshape(len(array), *port.shape[1:])
    raise BadRequest(f"input {name}: the model takes shape {_words(port.shape)}, got {list(array.shape)}")


def _fits(wanted: tuple[int | None, ...], shape: tuple[int, ...]) -> bool:
    if len(wanted) != len(shape):
        return False
    rest = zip(wanted[1:], shape[1:], strict=True)
    return not shape or ((wanted[0] in (None, 1, shape[0])) and all(size in (None, came) for size, came in rest))


def _blank(port: Port, shape: tuple[int, ...]) -> Array:
    dtype = numpy_dtype(port.data_type)
    return np.full(shape, b"", dtype) if dtype.hasobject else np.zeros(shape, dtype)


def _words(shape: tuple[int | None, ...]) -> str:
    sizes = ["?" if size is None or (size == 1 and not axis) else str(size) for axis, size in enumerate(shape)]
    return f"[{', '.join(sizes)}]"
