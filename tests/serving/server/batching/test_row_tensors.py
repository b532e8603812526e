from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from slipline.serving.models.graph_traits import GraphTraits
from slipline.serving.server.batching.lanes import Graph
from slipline.serving.server.batching.row_tensors import RowTensors
from slipline.serving.wire import saved_model_pb2, tensor_pb2

GOOD = GraphTraits(is_state_free=True, has_loops=False)
ROWS, SCALAR, FIXED, ANY_RANK = [-1, 3], [], [1, 3], None


def info(name: str, shape: list[int] | None, dtype: int = tensor_pb2.DT_FLOAT) -> saved_model_pb2.TensorInfo:
    dims: Any = {"unknown_rank": True} if shape is None else {"dim": [{"size": size} for size in shape]}
    return saved_model_pb2.TensorInfo(name=name, dtype=dtype, tensor_shape=dims)  # type: ignore[arg-type]


def tensors(
    traits: Mapping[str, GraphTraits], **signatures: tuple[saved_model_pb2.TensorInfo, saved_model_pb2.TensorInfo]
) -> RowTensors:
    made = {
        name: saved_model_pb2.SignatureDef(inputs={"in": x}, outputs={"out": y}) for name, (x, y) in signatures.items()
    }
    return RowTensors.of(SimpleNamespace(traits=lambda: traits, signatures=made))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("x", "y", "traits", "is_separable", "is_foreseeable"),
    [
        (info("x", ROWS), info("y", [-1]), GOOD, True, True),
        (info("x", ROWS), info("y", SCALAR), GOOD, False, True),
        (info("x", FIXED), info("y", ROWS), GOOD, False, True),
        (info("x", ANY_RANK), info("y", ROWS), GOOD, False, True),
        (info("x", ROWS, tensor_pb2.DT_STRING), info("y", ROWS), GOOD, True, False),
        (info("x", ROWS), info("y", ROWS, tensor_pb2.DT_STRING), GOOD, True, True),
        (info("x", ROWS), info("y", ROWS), GraphTraits(is_state_free=False, has_loops=False), False, True),
        (info("x", ROWS), info("y", ROWS), GraphTraits(is_state_free=True, has_loops=True), True, False),
    ],
)
def test_what_is_known_of_a_graph_comes_of_its_tensors_and_operations(
    x: Any, y: Any, traits: GraphTraits, is_separable: bool, is_foreseeable: bool
) -> None:
    found = tensors({"s": traits}, s=(x, y)).record(Graph(("x",), ("y",)))
    assert (found.is_separable, found.is_foreseeable, found.batches) == (is_separable, is_foreseeable, 0)


def test_a_tensor_has_rows_where_every_signature_that_names_it_says_so() -> None:
    x, y = info("x", ROWS), info("y", ROWS)
    for first, second in ((x, info("x", FIXED)), (info("x", FIXED), x)):
        both = tensors({"a": GOOD, "b": GOOD}, a=(first, y), b=(second, y))
        assert not both.record(Graph(("x",), ("y",))).is_separable


def test_every_feed_counts() -> None:
    signature = saved_model_pb2.SignatureDef(
        inputs={"x": info("x", ROWS), "s": info("s", ROWS, tensor_pb2.DT_STRING)}, outputs={"y": info("y", ROWS)}
    )
    model = SimpleNamespace(traits=lambda: {"sig": GOOD}, signatures={"sig": signature})
    both = RowTensors.of(model).record(Graph(("x", "s"), ("y",)))  # type: ignore[arg-type]
    assert (both.is_separable, both.is_foreseeable) == (True, False)


def test_of_tensors_that_no_signature_names_nothing_is_known() -> None:
    known = tensors({"s": GOOD}, s=(info("x", ROWS), info("y", ROWS)))
    for graph in (Graph(("z",), ("y",)), Graph(("x",), ("z",)), Graph(("x",), ("y", "z"))):
        assert not known.record(graph).is_separable
    assert not known.record(Graph(("z",), ("y",))).is_foreseeable
    assert not known.record(Graph(("x",), ("z",))).is_foreseeable
    assert not RowTensors().record(Graph(("x",), ("y",))).is_separable
