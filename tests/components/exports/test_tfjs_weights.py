"""Weights for TensorFlow.js come back as they went in, in the types that it has."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from slipline.components.exports.tfjs_weights import read_model, write_model

KINDS = {"float32": "float32", "float64": "float32", "int64": "int32", "uint8": "int32", "bool": "bool"}
FLOATS = st.floats(width=16, allow_nan=False)  # numbers that float32 holds exactly
WEIGHTS = st.dictionaries(
    st.text(min_size=1, max_size=8),
    st.sampled_from(sorted(KINDS)).flatmap(
        lambda kind: arrays(kind, array_shapes(min_dims=0, max_side=3), elements=FLOATS if kind[0] == "f" else None)
    ),
    max_size=4,
)


@given(WEIGHTS)
@settings(deadline=None, max_examples=50)
def test_weights_come_back_in_order_and_type(weights: dict[str, Any]) -> None:
    with TemporaryDirectory() as folder:
        write_model(Path(folder) / "model.json", {"format": "some"}, weights)
        head, found = read_model(Path(folder) / "model.json")
    assert head["format"] == "some"
    assert list(found) == list(weights)
    for name, array in weights.items():
        assert found[name].dtype == KINDS[array.dtype.name]
        assert found[name].shape == array.shape
        kept = np.clip(array, -(2**31), 2**31 - 1) if array.dtype == np.int64 else array
        np.testing.assert_array_equal(found[name], kept)


def test_text_among_the_weights_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="vocabulary: wanted numbers"):
        write_model(tmp_path / "model.json", {}, {"vocabulary": np.array(["a"])})
