from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipline.serving.errors import LoadFailed
from slipline.serving.models.loaded_model import PREDICT_METHOD
from slipline.serving.models.tflite.tflite_flatbuffer import metadata, operations
from slipline.serving.models.tflite.tflite_pool import open_model
from slipline.serving.models.tflite.tflite_signatures import Layout, signatures_in_metadata
from slipline.serving.wire import saved_model_pb2, tensor_pb2
from tests.serving.models.tflite_models import ADD, CUSTOM, STRING, GraphSpec, tflite_bytes


def layout_of(content: bytes) -> Layout:
    layout, pool = open_model(content, interpreters=1, threads=1)
    pool.close()
    return layout


def written(**inputs: str) -> bytes:
    infos = {alias: saved_model_pb2.TensorInfo(name=name) for alias, name in inputs.items()}
    outputs = {"y": saved_model_pb2.TensorInfo(name="added:0")}
    return saved_model_pb2.SignatureDef(inputs=infos, outputs=outputs, method_name="its/own").SerializeToString()


def test_signatures_in_the_metadata_come_first_and_get_the_tensors_own_dtypes_and_shapes() -> None:
    layout = layout_of(
        tflite_bytes(GraphSpec(signature="own"), metadata={"serving_default": written(x="left", z="right:0")})
    )
    assert list(layout.signatures) == ["serving_default"]
    signature = layout.signatures["serving_default"]
    assert signature.method_name == "its/own"
    assert sorted((alias, info.name) for alias, info in signature.inputs.items()) == [("x", "left"), ("z", "right")]
    info = signature.outputs["y"]
    assert (info.name, info.dtype) == ("added", tensor_pb2.DT_FLOAT)
    assert [dim.size for dim in info.tensor_shape.dim] == [-1, 2]


def test_one_signature_alone_is_the_default_one_too_as_in_tensorflow_serving() -> None:
    layout = layout_of(tflite_bytes(GraphSpec(), metadata={"mine": written(x="left", z="right")}))
    assert sorted(layout.signatures) == ["mine", "serving_default"]


def test_without_metadata_the_signatures_of_tflites_own_kind_count() -> None:
    layout = layout_of(tflite_bytes(GraphSpec(signature="serving_default"), GraphSpec(signature="again")))
    assert sorted(layout.signatures) == ["again", "serving_default"]
    for signature in layout.signatures.values():
        assert (sorted(signature.inputs), sorted(signature.outputs)) == (["a", "b"], ["sum"])
        assert signature.method_name == PREDICT_METHOD
    names = [info.name for signature in layout.signatures.values() for info in signature.inputs.values()]
    assert len(set(names)) == 4


def test_model_without_any_gets_one_signature_with_the_tensors_names() -> None:
    signatures = layout_of(tflite_bytes(GraphSpec())).signatures
    assert list(signatures) == ["serving_default"]
    assert sorted(signatures["serving_default"].inputs) == ["left", "right"]
    assert sorted(signatures["serving_default"].outputs) == ["added"]


def test_string_tensors_are_of_dtype_string() -> None:
    signatures = layout_of(tflite_bytes(GraphSpec(operation=None, kind=STRING))).signatures
    assert signatures["serving_default"].inputs["left"].dtype == tensor_pb2.DT_STRING


@pytest.mark.parametrize(
    ("signature", "words"),
    [
        (written(x="nix", z="right"), "signature s: x is tensor nix, the model has left, right"),
        (written(x="left"), "signature s gives no name to the model's inputs right"),
        (b"\x7f\x7f", "no map of SignatureDefs"),
    ],
    ids=["a tensor that is none", "an input without a name", "no signature"],
)
def test_signatures_that_do_not_fit_the_model_are_refused(signature: bytes, words: str) -> None:
    with pytest.raises(LoadFailed, match=words):
        layout_of(tflite_bytes(GraphSpec(), metadata={"s": signature}))


def test_operations_are_those_of_all_graphs() -> None:
    assert operations(tflite_bytes(GraphSpec(), listed=["CUSTOM", "STABLEHLO_RNG_BIT_GENERATOR"])) == {ADD, CUSTOM, 204}


WITH_METADATA = tflite_bytes(GraphSpec(), metadata={"serving_default": written(x="left", z="right")})
CHANGES = st.tuples(st.integers(0, len(WITH_METADATA) - 1), st.binary(min_size=1, max_size=4))


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, len(WITH_METADATA)),
    st.lists(st.tuples(st.integers(0, len(WITH_METADATA) - 1), st.binary(min_size=1, max_size=4)), max_size=4),
)
def test_altered_flatbuffer_is_read_or_refused(size: int, changes: list[tuple[int, bytes]]) -> None:
    altered = bytearray(WITH_METADATA)
    for position, value in changes:
        altered[position : position + len(value)] = value
    for read in (signatures_in_metadata, operations, lambda content: metadata(content, "other")):
        for content in (bytes(altered), bytes(altered[:size])):
            with suppress(LoadFailed):
                read(content)
