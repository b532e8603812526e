from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from slipline.serving.wire import serving_pb2
from slipline.serving.wire.encode_predict import predict_reply
from slipline.serving.wire.tensors import Array, to_proto
from tests.serving.any_arrays import arrays


@given(outputs=st.dictionaries(st.text(max_size=3), arrays(), max_size=3), packed=st.booleans())
def test_what_is_written_is_the_message_with_these_tensors(outputs: dict[str, Array], packed: bool) -> None:
    written = predict_reply(outputs, model="mnist", version=7, signature="serving_default", packed=packed)
    response = serving_pb2.PredictResponse.FromString(written)
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("mnist", 7, "serving_default")
    assert response.outputs.keys() == outputs.keys()
    for name, array in outputs.items():
        wanted = to_proto(array, packed=packed).SerializeToString(deterministic=True)
        assert response.outputs[name].SerializeToString(deterministic=True) == wanted


def test_arrays_in_any_order_in_memory_are_written_row_by_row() -> None:
    rows = np.arange(6, dtype="float32").reshape(2, 3)
    for array in (rows.T, rows[:, ::-1], rows.astype(">f4")):
        written = predict_reply({"y": array}, model="m", version=1, signature="s")
        values = serving_pb2.PredictResponse.FromString(written).outputs["y"].float_val
        assert list(values) == array.ravel().tolist()
