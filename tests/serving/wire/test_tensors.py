from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipline.serving.errors import BadRequest
from slipline.serving.wire import tensor_pb2
from slipline.serving.wire.tensors import DATA_TYPES, FIELDS, Array, data_type_of, to_array, to_proto
from tests.serving.any_arrays import arrays, shapes

in_one_session = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def same(one: Array, other: Array) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return one.tolist() == other.tolist() if one.dtype == object else bits(one) == bits(other)


def bits(array: Array) -> bytes:
    """The bytes of an array, with every NaN alike: a NaN's payload need not outlive a change of precision."""
    quiet = np.where(np.isnan(array), np.array(np.nan, array.dtype), array) if array.dtype.kind in "fcV" else array
    return np.ascontiguousarray(quiet).tobytes()


@in_one_session
@given(array=arrays(), packed=st.booleans())
def test_array_comes_back_from_the_wire_as_it_was(array: Array, packed: bool) -> None:
    assert same(to_array(to_proto(array, packed=packed)), array)


@in_one_session
@given(array=arrays(), packed=st.booleans())
def test_tensorflow_reads_what_we_write(tf: ModuleType, array: Array, packed: bool) -> None:
    from tensorflow.core.framework.tensor_pb2 import TensorProto

    theirs = tf.make_ndarray(TensorProto.FromString(to_proto(array, packed=packed).SerializeToString()))
    assert same(np.asarray(theirs), array)


@in_one_session
@given(array=arrays())
def test_we_read_what_tensorflow_writes(tf: ModuleType, array: Array) -> None:
    proto = tf.make_tensor_proto(array, shape=array.shape)
    assert same(to_array(tensor_pb2.TensorProto.FromString(proto.SerializeToString())), array)
    serialized = tf.io.serialize_tensor(tf.constant(array)).numpy()
    assert same(to_array(tensor_pb2.TensorProto.FromString(serialized)), array)


def values_of(field: str) -> st.SearchStrategy[Any]:
    if field in ("float_val", "scomplex_val"):
        return st.floats(width=32, allow_nan=False)
    if field in ("double_val", "dcomplex_val"):
        return st.floats(allow_nan=False)
    if field == "bool_val":
        return st.booleans()
    if field == "string_val":
        return st.binary(max_size=5)
    bits, signed = {
        "int_val": (32, True),
        "int64_val": (64, True),
        "half_val": (32, True),
        "uint32_val": (32, False),
        "uint64_val": (64, False),
    }[field]
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else st.integers(0, 2**bits - 1)


@st.composite
def sloppy_protos(draw: st.DrawFn) -> tensor_pb2.TensorProto:
    """Tensors with too few or too many values, or values too large for the dtype."""
    name = draw(st.sampled_from(sorted(DATA_TYPES)))
    field = FIELDS.get(name, "int_val")
    proto = tensor_pb2.TensorProto(dtype=DATA_TYPES[name])
    for size in draw(shapes):
        proto.tensor_shape.dim.add(size=size)
    values = draw(st.lists(values_of(field), max_size=8))
    getattr(proto, field).extend(values + values if "complex" in field else values)
    return proto


@in_one_session
@given(proto=sloppy_protos())
def test_sloppy_tensors_are_read_as_tensorflow_reads_them(tf: ModuleType, proto: tensor_pb2.TensorProto) -> None:
    dtype = tf.dtypes.as_dtype(int(proto.dtype))
    theirs = tf.io.parse_tensor(proto.SerializeToString(), dtype).numpy()
    theirs = np.array(theirs, object) if dtype == tf.string else theirs
    assert same(to_array(proto), theirs)


def of_shape(*sizes: int, values: tuple[float, ...] = (), strings: tuple[bytes, ...] = ()) -> tensor_pb2.TensorProto:
    data_type = tensor_pb2.DT_STRING if strings else tensor_pb2.DT_FLOAT
    proto = tensor_pb2.TensorProto(dtype=data_type, float_val=values, string_val=strings)
    for size in sizes:
        proto.tensor_shape.dim.add(size=size)
    return proto


@pytest.mark.parametrize(
    ("proto", "words"),
    [
        (tensor_pb2.TensorProto(dtype=tensor_pb2.DT_INVALID), "got DataType 0"),
        (tensor_pb2.TensorProto(dtype=tensor_pb2.DT_FLOAT, tensor_content=b"12345"), "takes 4 bytes, got 5"),
        (of_shape(-1), r"must be known, got \[-1\]"),
        (tensor_pb2.TensorProto(dtype=tensor_pb2.DT_FLOAT, tensor_shape={"unknown_rank": True}), "unknown rank"),
        (tensor_pb2.TensorProto(dtype=tensor_pb2.DT_STRING, tensor_content=b"\x05ab"), "1 strings of 5 bytes"),
        (tensor_pb2.TensorProto(dtype=tensor_pb2.DT_STRING, tensor_content=b"\x85"), "ends inside the length"),
        (of_shape(2**62), "may have 2147483647 elements"),
        (of_shape(2**62, 2**62, 2**62), "may have 2147483647 elements"),
        (of_shape(2**28, 0, 3), "an empty one 16777216 if a size of 0 were 1"),
        (of_shape(*[1] * 65), "may have 64 dimensions, got 65"),
        (of_shape(2**28, values=(1.0,)), "takes 268435456 values, got 1; only tensors of up to 16 MiB are filled"),
        (of_shape(2**10, strings=(b"x" * 2**20,)), "takes 1024 values, got 1; only tensors of up to 16 MiB are filled"),
    ],
)
def test_broken_tensor_is_refused(proto: tensor_pb2.TensorProto, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        to_array(proto)


@pytest.mark.parametrize("sizes", [(0, 2**24), (2**24, 0), (0, 0), (1,) * 64])
def test_tensor_may_be_as_large_as_is_said(sizes: tuple[int, ...]) -> None:
    assert to_array(of_shape(*sizes)).shape == sizes
    assert to_array(of_shape(2**22, values=(7.0,))).tolist() == [7.0] * 2**22  # 16 MiB
    with pytest.raises(BadRequest, match="an empty one 16777216"):
        to_array(of_shape(0, 2**24 + 1))


def test_text_becomes_utf8_bytes() -> None:
    assert to_proto(np.array(["ä"])).string_val == [b"\xc3\xa4"]


def test_byte_order_of_the_array_does_not_matter() -> None:
    assert same(to_array(to_proto(np.array([1.5, 2.5], ">f4"), packed=True)), np.array([1.5, 2.5], "float32"))


@pytest.mark.parametrize("array", [np.array(["2026-01-01"], "datetime64[D]"), np.array([(1,)], [("a", "i4")])])
def test_array_that_is_no_tensor_is_refused(array: Array) -> None:
    with pytest.raises(BadRequest, match="a tensor's dtype must be one of"):
        data_type_of(array)


def test_string_array_with_another_object_is_refused() -> None:
    with pytest.raises(BadRequest, match="an element of type NoneType"):
        to_proto(np.array([None], object))
