from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from slipline.serving.client.signature import Signature, TensorSpec
from slipline.serving.errors import BadRequest
from slipline.serving.wire import saved_model_pb2, tensor_pb2

FLOAT, STRING = np.dtype("float32"), np.dtype(object)


def signature(**inputs: TensorSpec) -> Signature:
    return Signature(name="s", method="", inputs=inputs, outputs={})


def spec(dtype: np.dtype[Any] | None, *shape: int | None) -> TensorSpec:
    return TensorSpec(dtype=dtype, shape=shape)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"x": np.zeros(3)}, r"takes 'x' as float32 \[\?\], got float64 \[3\]"),
        ({"x": np.zeros((3, 1), "float32")}, r"takes 'x' as float32 \[\?\], got float32 \[3, 1\]"),
        ({"x": np.array(["a"])}, r"takes 'x' as float32 \[\?\], got string \[1\]"),
        ({"z": np.zeros(3, "float32")}, "takes 'x', got 'z' too; takes 'x' too, got 'z'"),
        ({}, "takes 'x' too, got none"),
        ({"x": "text"}, "got something else: str of text"),
        ({"x": [[1], [1, 2]]}, "got something else"),
    ],
)
def test_wrong_inputs_are_told_with_what_was_wanted_and_what_came(inputs: dict[str, Any], words: str) -> None:
    with pytest.raises(BadRequest, match=f"signature 's' .*{words}"):
        signature(x=spec(FLOAT, None)).arrays(inputs)


def test_whole_numbers_do_not_become_of_fractions_nor_wrap() -> None:
    whole = signature(x=spec(np.dtype("int8"), None))
    for value in ([1.5], [300]):
        with pytest.raises(BadRequest, match=r"takes 'x' as int8 \[\?\], got something else"):
            whole.arrays({"x": value})


def test_lists_and_numbers_become_arrays_of_the_wanted_dtype() -> None:
    (x,) = signature(x=spec(FLOAT, None)).arrays({"x": [1, 2.5]}).values()
    assert (x.dtype, x.tolist()) == (FLOAT, [1, 2.5])
    (text,) = signature(x=spec(STRING, None)).arrays({"x": ["ä", "longer"]}).values()
    assert (text.dtype, text.tolist()) == (STRING, ["ä", "longer"])
    (zeros,) = signature(x=spec(STRING, None)).arrays({"x": [b"a\x00", b"\x00"]}).values()
    assert zeros.tolist() == [b"a\x00", b"\x00"]


def test_one_input_needs_no_name_and_two_do() -> None:
    assert signature(x=spec(FLOAT)).arrays(3)["x"] == 3
    with pytest.raises(BadRequest, match="takes inputs by name, a, b; got one without a name"):
        signature(a=spec(FLOAT), b=spec(FLOAT)).arrays(3)


def test_input_with_a_default_may_be_left_out() -> None:
    both = {"a": spec(FLOAT), "b": spec(FLOAT)}
    lenient = Signature(name="s", method="", inputs=both, outputs={}, optional=frozenset({"b"}))
    assert lenient.arrays({"a": np.float32(1)}).keys() == {"a"}
    with pytest.raises(BadRequest, match="takes 'a' too, got 'b'"):
        lenient.arrays({"b": np.float32(1)})


def test_unknown_rank_takes_any_and_a_known_size_only_itself() -> None:
    x = np.zeros((2, 3), "float32")
    assert TensorSpec(dtype=FLOAT, shape=None).takes(x)
    assert spec(FLOAT, None, 3).takes(x)
    assert not spec(FLOAT, None, 4).takes(x)
    assert str(TensorSpec(dtype=FLOAT, shape=None)) == "float32 of any rank"


def test_description_of_a_model_is_read() -> None:
    info = saved_model_pb2.TensorInfo(dtype=tensor_pb2.DT_HALF, tensor_shape={"dim": [{"size": -1}, {"size": 3}]})
    strange = saved_model_pb2.TensorInfo(dtype=20, tensor_shape={"unknown_rank": True})  # type: ignore[arg-type]
    read = Signature.of("s", saved_model_pb2.SignatureDef(inputs={"x": info}, outputs={"y": strange}))
    assert str(read.inputs["x"]) == "float16 [?, 3]"
    assert read.outputs["y"] == TensorSpec(dtype=None, shape=None)
