from __future__ import annotations

import asyncio
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from slipline.serving.errors import BadRequest
from slipline.serving.server.methods.predict_calls import MAX_LENGTHS, MAX_TRIES, CallReader, PredictCall
from slipline.serving.wire import serving_pb2
from slipline.serving.wire.tensors import Array, to_proto

shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=3)
numbers = st.sampled_from(["float32", "int64", "uint8", "bool", "complex64", "float16"]).flatmap(
    lambda dtype: hnp.arrays(dtype, shapes)
)
inputs_of = st.dictionaries(st.sampled_from(["images", "x", "é"]), numbers, min_size=1)


def message(inputs: Mapping[str, Array], *, model: str = "mnist", label: str = "", packed: bool = True) -> bytes:
    request = serving_pb2.PredictRequest(output_filter=["y"])
    request.model_spec.name = model
    if label:
        request.model_spec.version_label = label
    for name, array in inputs.items():
        request.inputs[name].CopyFrom(to_proto(array, packed=packed))
    return request.SerializeToString()


def read(reader: CallReader, serialized: bytes) -> PredictCall:
    return asyncio.run(reader.read(serialized))


def taught(*serialized: bytes) -> CallReader:
    """A reader that was given each request twice."""
    reader = CallReader()
    for one in (*serialized, *serialized):
        read(reader, one)
    return reader


def parsed(serialized: bytes) -> PredictCall:
    return PredictCall.of(serving_pb2.PredictRequest.FromString(serialized))


def assert_same(call: PredictCall, other: PredictCall) -> None:
    mine, theirs = call.arrays(), other.arrays()
    assert call.asked.meant == other.asked.meant
    assert (call.asked.signature, call.asked.outputs) == (other.asked.signature, other.asked.outputs)
    assert set(call.asked.inputs) == set(other.asked.inputs) == mine.keys() == theirs.keys()
    for name, array in mine.items():
        assert (array.dtype, array.shape) == (theirs[name].dtype, theirs[name].shape)
        assert array.tobytes() == theirs[name].tobytes()


@given(inputs=inputs_of, data=st.data())
def test_a_request_of_a_known_form_says_what_it_says_when_parsed(inputs: dict[str, Array], data: st.DataObject) -> None:
    others = {name: data.draw(hnp.arrays(array.dtype, array.shape), name) for name, array in inputs.items()}
    reader, other = taught(message(inputs, label="canary")), message(others, label="canary")
    known = reader.known(other)
    assert_same(known or read(reader, other), parsed(other))


def test_requests_with_other_numbers_are_known_from_the_third_on() -> None:
    images = [np.full((2, 3), value, "float32") for value in (1, 2, 3)]
    reader = CallReader()
    for image in images[:2]:
        assert reader.known(message({"images": image})) is None
        read(reader, message({"images": image}))
    call = reader.known(message({"images": images[2]}))
    assert call is not None
    assert_same(call, parsed(message({"images": images[2]})))


@given(inputs=inputs_of, data=st.data())
def test_a_request_with_any_byte_altered_is_never_mistaken(inputs: dict[str, Array], data: st.DataObject) -> None:
    serialized = message(inputs)
    reader = taught(serialized)
    altered = bytearray(serialized)
    for position in data.draw(st.lists(st.integers(0, len(serialized) - 1), min_size=1, max_size=3)):
        altered[position] = data.draw(st.integers(0, 255))
    call = reader.known(bytes(altered))
    if call is not None:
        assert_same(call, parsed(bytes(altered)))


def test_forms_of_one_length_are_told_apart() -> None:
    array = np.arange(6, dtype="float32")
    ours, theirs = message({"x": array}, model="ours"), message({"x": array}, model="them")
    reader = taught(ours, theirs)
    for serialized in (ours, theirs):
        call = reader.known(serialized)
        assert call is not None
        assert_same(call, parsed(serialized))


def test_numbers_that_look_like_another_field_are_told_from_it() -> None:
    """A label is field 4 of its message, as `tensor_content` is of its own."""
    serialized = message({"x": np.frombuffer(b"a", "uint8")}, label="a")
    call = taught(serialized).known(serialized)
    assert call is not None
    assert_same(call, parsed(serialized))


@pytest.mark.parametrize(
    ("array", "packed"),
    [
        (np.array([b"a", b"b"], object), False),
        (np.array([1, 2], "int64"), False),
        (np.zeros((0, 3), "float32"), True),
    ],
    ids=["strings", "varints", "empty"],
)
def test_numbers_that_do_not_lie_in_one_piece_are_parsed_each_time(array: Array, packed: bool) -> None:
    serialized = message({"x": array}, packed=packed)
    reader = taught(serialized)
    assert reader.known(serialized) is None
    assert_same(read(reader, serialized), parsed(serialized))


def test_a_request_without_a_model_is_refused_however_often_it_comes() -> None:
    reader = CallReader()
    serialized = message({"x": np.ones(4, "float32")}, model="")
    for _ in range(3):
        assert reader.known(serialized) is None
        with pytest.raises(BadRequest, match="no name"):
            read(reader, serialized)


def test_what_clients_invent_is_remembered_within_limits() -> None:
    reader = CallReader()
    for length in range(MAX_LENGTHS + 10):
        taught_once = message({"x": np.zeros(length + 1, "uint8")})
        read(reader, taught_once)
        read(reader, taught_once)
    for number in range(10 * MAX_TRIES):
        read(reader, message({"x": np.ones(4, "float32")}, model=f"model {number:4}"))
    long = message({"x": np.ones(4, "float32")}, model="m" * 10_000)
    assert taught(long).known(long) is None
    forms = reader._of_length.values()
    assert len(forms) <= MAX_LENGTHS
    assert max(len(of_one.known) for of_one in forms) <= MAX_TRIES
