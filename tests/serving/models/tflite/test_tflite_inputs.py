"""Which inputs a TFLite model takes, by the shapes and dtypes of its graph alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from slipline.serving.errors import BadRequest
from slipline.serving.models.tflite.tflite_inputs import accepted, blank_row, of_one_blank_row
from slipline.serving.models.tflite.tflite_signatures import Graph, Port
from slipline.serving.wire import tensor_pb2

FLOAT, STRING = tensor_pb2.DT_FLOAT, tensor_pb2.DT_STRING
Shape = tuple[int | None, ...]


def port(*shape: int | None, dtype: Any = FLOAT) -> Port:
    return Port(key="key", data_type=dtype, shape=shape)


def graph(*shapes: Shape, outputs: dict[str, Shape] | None = None, dtype: Any = FLOAT) -> Graph:
    """With inputs "in0", "in1", ..., whose keys are "k0", "k1", ..., of these shapes."""
    inputs = {f"in{n}": Port(key=f"k{n}", data_type=dtype, shape=shape) for n, shape in enumerate(shapes)}
    made = {name: port(*shape) for name, shape in (outputs or {"out": (None, 2)}).items()}
    return Graph(signature="s", inputs=inputs, outputs=made)


@pytest.mark.parametrize(
    ("shape", "came"),
    [
        ((None, 3), (5, 3)),
        ((None, 3), (0, 3)),
        ((1, 3), (5, 3)),
        ((4, 3), (4, 3)),
        ((1, None), (5, 7)),
        ((), ()),
        ((None,), (5,)),
    ],
)
def test_a_batch_of_any_size_is_taken_where_the_model_leaves_it_open_or_takes_one_row(shape: Shape, came: Any) -> None:
    x = np.zeros(came, np.float32)
    assert accepted(graph(shape), {"in0": x, "other": x})["k0"] is x


@pytest.mark.parametrize(("shape", "taken"), [((None, 1), (5, 1)), ((1, 1), (5, 1)), ((None, 1, 1), (5, 1, 1))])
def test_a_plain_list_will_do_where_a_row_is_one_number(shape: Shape, taken: Any) -> None:
    found = accepted(graph(shape), {"in0": np.arange(5, dtype=np.float32)})["k0"]
    assert (found.shape, found.ravel().tolist()) == (taken, [0, 1, 2, 3, 4])


@pytest.mark.parametrize(
    ("shape", "came", "words"),
    [
        ((4, 3), (5, 3), r"the model takes shape \[4, 3\], got \[5, 3\]"),
        ((4, 1), (5,), r"takes shape \[4, 1\], got \[5\]"),
        ((None, 3), (5, 4), r"takes shape \[\?, 3\], got \[5, 4\]"),
        ((1, 3), (3,), r"takes shape \[\?, 3\], got \[3\]"),
        ((None, 1), (5, 2), r"takes shape \[\?, 1\], got \[5, 2\]"),
        ((None, None), (5,), r"takes shape \[\?, \?\], got \[5\]"),
        ((None,), (5, 1), r"takes shape \[\?\], got \[5, 1\]"),
        ((), (1,), r"takes shape \[\], got \[1\]"),
        ((None, 1, 3), (5, 1), r"takes shape \[\?, 1, 3\], got \[5, 1\]"),
    ],
)
def test_other_shapes_are_refused_with_what_was_wanted(shape: Shape, came: Any, words: str) -> None:
    with pytest.raises(BadRequest, match=f"input in0: .*{words}"):
        accepted(graph(shape), {"in0": np.zeros(came, np.float32)})


def test_inputs_that_are_missing_or_of_another_dtype_are_named() -> None:
    both = graph((None,), (None,))
    x = np.zeros(2, np.float32)
    with pytest.raises(BadRequest, match="input in1 is missing"):
        accepted(both, {"in0": x})
    with pytest.raises(BadRequest, match=r"input in1: Expects arg\[1\] to be float but double is provided"):
        accepted(both, {"in0": x, "in1": x.astype(np.float64)})
    assert list(accepted(both, {"in0": x, "in1": x})) == ["k0", "k1"]


def test_one_blank_row_stands_in_for_an_empty_batch() -> None:
    found = of_one_blank_row(
        graph((None, 3), (1, 2)), {"k0": np.ones((0, 3), "f4"), "k1": np.ones((0, 2), "f4")}, ["out"]
    )
    assert {key: array.tolist() for key, array in found.items()} == {"k0": [[0, 0, 0]], "k1": [[0, 0]]}


@pytest.mark.parametrize(
    ("shape", "came"), [((None, None), (0, 0)), ((None, 3), (2, 3)), ((4, 3), (0, 3)), ((), ()), ((None, None), (2, 0))]
)
def test_only_the_batch_may_be_empty(shape: Shape, came: Any) -> None:
    with pytest.raises(BadRequest, match="input in0: only the batch may be empty, of every input alike; got shape"):
        of_one_blank_row(graph(shape), {"k0": np.zeros(came, np.float32)}, ["out"])


@pytest.mark.parametrize(("shape", "by_row"), [((None, 2), True), ((1, 2), True), ((4, 2), False), ((), False)])
def test_outputs_that_do_not_come_by_the_row_take_a_row(shape: Shape, by_row: bool) -> None:
    of = graph((None,), outputs={"out": shape, "other": ()})
    empty = {"k0": np.zeros(0, np.float32)}
    if by_row:
        assert list(of_one_blank_row(of, empty, ["out"])) == ["k0"]
    else:
        with pytest.raises(BadRequest, match="output out does not come by the row"):
            of_one_blank_row(of, empty, ["out"])


@pytest.mark.parametrize(("dtype", "filling"), [(FLOAT, 0.0), (STRING, b"")])
def test_a_blank_row_is_of_the_smallest_shape(dtype: Any, filling: Any) -> None:
    (found,) = blank_row(graph((None, 3, None), dtype=dtype)).values()
    assert found.tolist() == [[[filling]] * 3]
