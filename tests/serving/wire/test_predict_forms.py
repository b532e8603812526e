"""Requests that differ in their numbers alone, told by their bytes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from slipline.serving.wire import serving_pb2
from slipline.serving.wire.decode_predict import MAX_FORM_BYTES, form_of
from slipline.serving.wire.tensors import Array, to_proto

shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=3)
numbers = st.sampled_from(["float32", "int64", "uint8", "bool", "complex64", "float16"]).flatmap(
    lambda dtype: hnp.arrays(dtype, shapes)
)
inputs_of = st.dictionaries(st.sampled_from(["images", "x", "é"]), numbers, min_size=1)


def message(inputs: Mapping[str, Array], *, model: str = "mnist", packed: bool = True) -> bytes:
    request = serving_pb2.PredictRequest()
    request.model_spec.name = model
    for name, array in inputs.items():
        request.inputs[name].CopyFrom(to_proto(array, packed=packed))
    return request.SerializeToString(deterministic=True)


@given(inputs=inputs_of, data=st.data())
def test_numbers_of_another_request_are_read_by_the_form_of_the_first(
    inputs: dict[str, Array], data: st.DataObject
) -> None:
    first = message(inputs)
    other = {name: data.draw(hnp.arrays(array.dtype, array.shape)) for name, array in inputs.items()}
    form = form_of(first)
    assert form is not None
    assert form.fits(first)
    assert form.fits(message(other))
    for wanted, serialized in ((inputs, first), (other, message(other))):
        found = form.arrays(serialized)
        assert found.keys() == wanted.keys()
        assert all((found[k].dtype, found[k].shape) == (a.dtype, a.shape) for k, a in wanted.items())
        assert all(found[k].tobytes() == a.tobytes() for k, a in wanted.items())


def test_numbers_in_one_piece_have_a_form() -> None:
    form = form_of(message({"x": np.float32([1.5, 2.5]), "n": np.int64([[7]])}))
    assert form is not None
    assert {found.name: (found.shape, found.dtype) for found in form.places} == {
        "x": ((2,), np.dtype("float32")),
        "n": ((1, 1), np.dtype("int64")),
    }


@given(place=st.integers(0), flip=st.integers(1, 255))
def test_a_request_that_differs_elsewhere_does_not_fit(place: int, flip: int) -> None:
    serialized = bytearray(message({"x": np.float32([1.5, 2.5])}))
    form = form_of(bytes(serialized))
    assert form is not None
    place %= len(serialized)
    serialized[place] ^= flip
    (x,) = form.places
    assert form.fits(bytes(serialized)) == (x.first <= place < x.last)


@pytest.mark.parametrize(
    "serialized",
    [
        message({"x": np.int32([1, 2])}, packed=False),
        message({"x": np.array([b"text"], object)}),
        message({"x": np.float32([1]), "text": np.array([b"text"], object)}),
        serving_pb2.PredictRequest(inputs={"x": {"dtype": 1, "tensor_content": b"123"}}).SerializeToString(),
    ],
)
def test_other_inputs_have_no_form(serialized: bytes) -> None:
    assert form_of(serialized) is None


@pytest.mark.parametrize("name", ['"\x04abcd', '\x04abcd"\x04abcd', "abcd"])
def test_numbers_that_also_stand_elsewhere_are_not_taken_for_those(name: str) -> None:
    serialized = message({"x": np.frombuffer(b"abcd", "<f4")}, model=name)
    form = form_of(serialized)
    assert form is not None
    assert form.arrays(serialized)["x"].tobytes() == b"abcd"


@pytest.mark.parametrize(("more", "has_form"), [(0, True), (1, False)])
def test_what_lies_beside_the_numbers_has_a_limit(more: int, has_form: bool) -> None:
    x = np.float32([1.5] * 5000)
    room = MAX_FORM_BYTES - (len(message({"x": x}, model="m" * 1000)) - x.nbytes) + 1000
    serialized = message({"x": x}, model="m" * (room + more))
    assert len(serialized) - x.nbytes == MAX_FORM_BYTES + more
    assert (form_of(serialized) is not None) == has_form
