"""With how many threads a SavedModel computes where nobody said: with one, if it answers one row soon enough with it.

Threads of one operation meet and part many times in a run; for a small model that takes longer than to compute. What
keeps the other cores busy then are runs side by side.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from serving.loaded_model import DEFAULT_SIGNATURE, LoadedModel
from serving.tensors import DATA_TYPES, Array, numpy_dtype
from serving.wire import saved_model_pb2, tensor_pb2

SOON_S = 0.005
TRIALS = 5
MAX_TRIED_BYTES = 200 << 20  # a larger model is loaded once, for all cores: it is hardly quick
MAX_ROW_ELEMENTS = 1 << 22
NUMBERS = frozenset(DATA_TYPES.values()) - {tensor_pb2.DT_STRING}


def load_with_fit_threads(folder: Path, load: Callable[[int], LoadedModel]) -> tuple[LoadedModel, int]:
    """The model in `folder`, and with how many threads it computes.

    Args:
      folder: Of a version.
      load: Loads the model for so many threads, and warms it up.
    """
    cores = os.cpu_count() or 1
    if cores > 1 and sum(file.stat().st_size for file in folder.rglob("*")) <= MAX_TRIED_BYTES:
        model = load(1)
        if any(row_s <= SOON_S for row_s in _one_row_s(model)):
            return model, 1
        model.close()
    return load(cores), cores


def _one_row_s(model: LoadedModel) -> Iterator[float]:
    """How long runs of one row of zeros take, in seconds; none of a model that cannot be tried so without harm."""
    inputs = _one_row(model)
    if inputs is None:
        return
    try:
        for _ in range(TRIALS):
            begin_s = time.perf_counter()
            model.run(inputs)
            yield time.perf_counter() - begin_s
    except Exception:  # of whatever kind: it says that zeros are nothing for this model
        return


def _one_row(model: LoadedModel) -> dict[str, Array] | None:
    signature = model.signatures.get(DEFAULT_SIGNATURE)
    if signature is None or not model.traits()[DEFAULT_SIGNATURE].is_state_free:
        return None
    if not all(map(_is_plain, signature.inputs.values())):
        return None
    return {
        alias: np.zeros([abs(dim.size) for dim in info.tensor_shape.dim], numpy_dtype(info.dtype))
        for alias, info in signature.inputs.items()
    }


def _is_plain(info: saved_model_pb2.TensorInfo) -> bool:
    """Whether the tensor holds numbers, and every size but the first is known, none of them huge."""
    sizes = [dim.size for dim in info.tensor_shape.dim]
    if info.tensor_shape.unknown_rank or info.dtype not in NUMBERS or any(size < 0 for size in sizes[1:]):
        return False
    return math.prod(map(abs, sizes)) <= MAX_ROW_ELEMENTS
