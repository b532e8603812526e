"""What goes over the wire: as Protocol Buffers' own library and TensorFlow read and write it."""

from __future__ import annotations

from contextlib import suppress
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from slipline.serving.errors import BadRequest, DataLoss
from slipline.serving.wire import serving_pb2, tensor_pb2
from slipline.serving.wire.decode_predict import MAX_LAYOUTS, AnswerReader
from slipline.serving.wire.encode_predict import predict_request
from slipline.serving.wire.tensors import Array, to_array, to_proto, varint
from tests.serving.wire.test_tensors import arrays, same

in_one_session = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
names = st.text(max_size=5)


@given(inputs=st.dictionaries(names, arrays(), max_size=3), wanted=st.lists(names, max_size=3), label=names)
def test_request_is_the_message_that_it_says(inputs: dict[str, Array], wanted: list[str], label: str) -> None:
    spec = serving_pb2.ModelSpec(name="m", version_label=label)
    request = serving_pb2.PredictRequest.FromString(predict_request(spec.SerializeToString(), inputs, wanted))
    assert request.model_spec == spec
    assert list(request.output_filter) == wanted
    assert request.inputs.keys() == inputs.keys()
    assert all(same(to_array(request.inputs[name]), array) for name, array in inputs.items())


@given(outputs=st.dictionaries(names, st.tuples(arrays(), st.booleans()), max_size=3), version=st.integers(0, 2**62))
def test_answer_is_read_as_the_message_it_is(outputs: dict[str, tuple[Array, bool]], version: int) -> None:
    response = serving_pb2.PredictResponse(
        outputs={name: to_proto(array, packed=packed) for name, (array, packed) in outputs.items()},
        model_spec=serving_pb2.ModelSpec(name="m", version={"value": version}),
    )
    found, answered = AnswerReader().read(response.SerializeToString())
    assert answered == version
    assert found.keys() == outputs.keys()
    assert all(same(found[name], array) for name, (array, _) in outputs.items())
    assert not any(array.flags.writeable for array in found.values())


@given(data=st.data())
def test_answer_like_an_earlier_one_is_read_by_its_own_values(data: st.DataObject) -> None:
    """Though its values alone are looked at, as long as all beside them is alike."""
    reader = AnswerReader()
    for _ in range(4):
        x = data.draw(hnp.arrays("float32", 3))
        y = data.draw(hnp.arrays("int64", 2, elements=st.integers(0, 200)))
        z = data.draw(hnp.arrays("bool", data.draw(st.integers(0, 2))))
        outputs = {"x": to_proto(x), "y": to_proto(y), "z": to_proto(z)}
        version = data.draw(st.integers(0, 3))
        spec = serving_pb2.ModelSpec(version={"value": version})
        message = serving_pb2.PredictResponse(outputs=outputs, model_spec=spec).SerializeToString()
        found, answered = reader.read(message)
        assert answered == version
        assert all(same(found[name], array) for name, array in (("x", x), ("y", y), ("z", z)))


def test_layouts_are_not_remembered_for_ever() -> None:
    """Servers choose the sizes."""
    reader = AnswerReader()
    for size in [*range(1, 2 * MAX_LAYOUTS + 2), *range(1, 5)]:
        message = serving_pb2.PredictResponse(outputs={"y": to_proto(np.arange(size))}).SerializeToString()
        assert reader.read(message)[0]["y"].tolist() == list(range(size))
        assert len(reader._layouts) <= MAX_LAYOUTS


@given(message=st.binary(max_size=60))
def test_bytes_that_are_no_answer_are_data_loss_or_an_answer(message: bytes) -> None:
    with suppress(DataLoss):
        AnswerReader().read(message)


def test_sloppy_tensors_are_read_as_the_server_reads_them() -> None:
    """One value for many elements, as TensorFlow writes constants, and values in more than one piece."""
    few = tensor_pb2.TensorProto(dtype=tensor_pb2.DT_FLOAT, float_val=[3], tensor_shape={"dim": [{"size": 4}]})
    one = tensor_pb2.TensorProto(
        dtype=tensor_pb2.DT_FLOAT, float_val=[1], tensor_shape={"dim": [{"size": 2}]}
    ).SerializeToString()
    two = tensor_pb2.TensorProto(float_val=[2]).SerializeToString()
    entry = b"\x0a\x01b\x12" + varint(len(one + two)) + one + two
    message = serving_pb2.PredictResponse(outputs={"a": few}).SerializeToString() + b"\x0a" + varint(len(entry)) + entry
    outputs, _ = AnswerReader().read(message)
    assert outputs["a"].tolist() == [3, 3, 3, 3]
    assert outputs["b"].tolist() == [1, 2]


@pytest.mark.parametrize("packed", [True, False])
def test_large_outputs_are_views_of_the_message(packed: bool) -> None:
    """Floating point numbers in the typed field, too, where TensorFlow Serving puts them."""
    proto = to_proto(np.ones((1000, 1000), "float32"), packed=packed)
    message = serving_pb2.PredictResponse(outputs={"y": proto}).SerializeToString()
    outputs, _ = AnswerReader().read(message)
    assert np.shares_memory(outputs["y"], np.frombuffer(message, np.uint8))


def test_layout_of_an_input_does_not_matter() -> None:
    x = np.arange(12, dtype=">f4").reshape(3, 4)
    for array in (x, x.T, x[:, ::2], np.asfortranarray(x), x.astype("=f4")[::-1]):
        request = serving_pb2.PredictRequest.FromString(predict_request(b"", {"x": array}))
        assert to_array(request.inputs["x"]).tolist() == array.tolist()


def test_array_that_is_no_tensor_is_refused() -> None:
    with pytest.raises(BadRequest, match="a tensor's dtype must be one of"):
        predict_request(b"", {"x": np.array(["2026-01-01"], "datetime64[D]")})


@pytest.mark.slow
@in_one_session
@given(array=arrays())
def test_tensorflow_reads_what_is_sent(tf: ModuleType, array: Array) -> None:
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

    request = PredictRequest.FromString(predict_request(b"", {"x": array}))
    assert same(np.asarray(tf.make_ndarray(request.inputs["x"])), array)
    parsed: Any = tf.io.parse_tensor(request.inputs["x"].SerializeToString(), request.inputs["x"].dtype).numpy()
    assert same(np.array(parsed, object) if array.dtype == object else np.asarray(parsed), array)


@pytest.mark.slow
@in_one_session
@given(array=arrays(), content=st.booleans())
def test_what_tensorflow_writes_is_read(tf: ModuleType, array: Array, content: bool) -> None:
    from tensorflow_serving.apis.predict_pb2 import PredictResponse

    if content:
        proto = tf.make_tensor_proto(array, shape=array.shape)
    else:
        proto = type(tf.make_tensor_proto(0)).FromString(tf.io.serialize_tensor(tf.constant(array)).numpy())
    outputs, _ = AnswerReader().read(PredictResponse(outputs={"y": proto}).SerializeToString())
    assert same(outputs["y"], array)
