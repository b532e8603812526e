"""Arrays of every dtype that a tensor can have, drawn by hypothesis."""

from __future__ import annotations

import ml_dtypes
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from slipline.serving.wire.tensors import DATA_TYPES, Array

shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


def arrays() -> st.SearchStrategy[Array]:
    """Arrays of up to three dimensions, some of them empty."""

    def of(name: str) -> st.SearchStrategy[Array]:
        if name == "object":
            return hnp.arrays(object, shapes, elements=st.binary(max_size=40))
        if name == "bfloat16":
            return hnp.arrays("float32", shapes).map(lambda array: array.astype(ml_dtypes.bfloat16))
        return hnp.arrays(name, shapes)

    return st.sampled_from(sorted(DATA_TYPES)).flatmap(of)
