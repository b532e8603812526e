"""Arrays of several requests as one, row by row, and apart again."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from slipline.serving.wire.tensors import Array

TOLERANCE = 1e-6  # of a number up to 1, and of the largest number of a tensor beyond

Arrays = Mapping[str, Array]


def rows_of(arrays: Arrays) -> int:
    """The first dimension that all have; 0 if they have none in common."""
    sizes = {array.shape[0] if array.ndim else 0 for array in arrays.values()}
    return sizes.pop() if len(sizes) == 1 else 0


def joined(parts: Sequence[Arrays], rows: int) -> dict[str, Array]:
    """The rows of all parts in order, filled up to `rows` with the last one.

    Args:
      parts: Under the same names, with the same inner shapes; at least one, none of them empty.
      rows: At least as many as the parts have together.
    """
    missing = rows - sum(map(rows_of, parts))
    arrays = {}
    for name, last in parts[-1].items():
        filling = [np.repeat(last[-1:], missing, axis=0)] if missing else []
        arrays[name] = np.concatenate([*(part[name] for part in parts), *filling])
    return arrays


def split(arrays: Arrays, sizes: Sequence[int], rows: int) -> list[dict[str, Array]] | None:
    """Parts of so many rows each, any surplus dropped; None if an array has not `rows` rows."""
    if any(array.ndim == 0 or len(array) != rows for array in arrays.values()):
        return None
    ends = list(itertools.accumulate(sizes))
    return [
        {name: array[end - size : end] for name, array in arrays.items()} for size, end in zip(sizes, ends, strict=True)
    ]


def even_parts(arrays: Arrays, number: int) -> list[dict[str, Array]]:
    """The rows in so many parts of about the same size, in order."""
    rows = rows_of(arrays)
    bounds = [rows * part // number for part in range(number + 1)]
    return [{name: array[a:b] for name, array in arrays.items()} for a, b in itertools.pairwise(bounds)]


def are_equal(one: Arrays, other: Arrays) -> bool:
    """Whether both hold the same; NaN is not the same as itself."""
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def agree(one: Arrays, other: Arrays) -> bool:
    """Whether both hold the same up to rounding (`TOLERANCE`)."""
    return one.keys() == other.keys() and all(_agree(one[name], other[name]) for name in one)


def _agree(one: Array, other: Array) -> bool:
    if one.shape != other.shape or one.dtype.kind not in "fc":
        return np.array_equal(one, other)
    wide = one.astype(np.result_type(one.dtype, np.float64))
    scale = np.abs(wide[np.isfinite(wide)]).max(initial=1.0)
    return np.allclose(wide, other, rtol=0, atol=TOLERANCE * scale, equal_nan=True)
