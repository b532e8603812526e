"""With how many threads TensorFlow computes where nobody said: with one if the first model is small.

Threads of one operation meet and part many times in a run; for a small model that takes longer than to compute (one
MNIST image: 0.12 ms with one thread, 0.38 with two). What keeps the other cores busy then are runs side by side.
"""

from __future__ import annotations

import logging
import math
import os
import threading
from pathlib import Path

from slipline.serving.errors import LoadFailed
from slipline.serving.models.loaded_model import DEFAULT_SIGNATURE
from slipline.serving.models.tensorflow.saved_model import read_signatures
from slipline.serving.wire import saved_model_pb2, tensor_pb2
from slipline.serving.wire.tensors import DATA_TYPES

log = logging.getLogger(__name__)

SMALL_BYTES = 16 << 20
SMALL_ROW_ELEMENTS = 1 << 14
NUMBERS = frozenset(DATA_TYPES.values()) - {tensor_pb2.DT_STRING}


class ThreadChoice:
    """Chooses once for the process, as TensorFlow's first session to run decides for all. Thread-safe."""

    def __init__(self, cores: int | None = None) -> None:
        """`cores` are those of this machine if None."""
        self._cores = cores or os.cpu_count() or 1
        self._chosen: int | None = None
        self._lock = threading.Lock()

    def threads(self, folder: Path) -> int:
        """How many threads compute the model in `folder`."""
        fit = 1 if is_small(folder) else self._cores
        with self._lock:
            if self._chosen is None:
                self._chosen = fit
            elif self._chosen != fit:
                log.warning(
                    "%s is computed with %d thread(s), as the first model; --tensorflow_intra_op_parallelism says "
                    "with how many all are",
                    *(folder, self._chosen),
                )
            return self._chosen


def is_small(folder: Path) -> bool:
    """Whether the model in `folder` is of few weights, and its default signature takes rows of few numbers."""
    if sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) > SMALL_BYTES:
        return False
    try:
        signature = read_signatures(folder).get(DEFAULT_SIGNATURE)
    except LoadFailed:
        return False  # which its load will tell
    return signature is not None and all(map(_has_small_rows, signature.inputs.values()))


def _has_small_rows(info: saved_model_pb2.TensorInfo) -> bool:
    """Whether the tensor holds numbers, and every size but the first is known, together few."""
    sizes = [dim.size for dim in info.tensor_shape.dim][1:]
    if info.tensor_shape.unknown_rank or info.dtype not in NUMBERS or any(size < 0 for size in sizes):
        return False
    return math.prod(sizes) <= SMALL_ROW_ELEMENTS
