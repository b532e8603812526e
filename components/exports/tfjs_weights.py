"""The weights of a TensorFlow.js model: one binary file, and the part of `model.json` that says what lies where.

The format: https://github.com/tensorflow/tfjs/blob/master/tfjs-core/src/io/types.ts, `WeightsManifestConfig`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

WEIGHTS_FILE = "group1-shard1of1.bin"

Weights = Mapping[str, NDArray[Any]]


def write_model(file: Path, head: Mapping[str, object], weights: Weights) -> None:
    """Writes `model.json` and, beside it, the weights.

    Args:
      file: The `model.json`.
      head: Everything in it but the weights.
      weights: By name.

    Raises:
      ValueError: A weight is neither a number nor a truth value.
    """
    arrays = {name: _as_known(name, array) for name, array in weights.items()}
    entries = [{"name": name, "shape": list(array.shape), "dtype": array.dtype.name} for name, array in arrays.items()]
    (file.parent / WEIGHTS_FILE).write_bytes(b"".join(array.tobytes() for array in arrays.values()))
    manifest = [{"paths": [WEIGHTS_FILE], "weights": entries}]
    file.write_text(json.dumps({**head, "weightsManifest": manifest}, sort_keys=True), "utf-8")  # alike in every run


def read_model(file: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What `write_model` wrote: all of `model.json`, and the weights by name."""
    head = json.loads(file.read_text("utf-8"))
    (group,) = head["weightsManifest"]
    (name,) = group["paths"]
    content, start, weights = (file.parent / name).read_bytes(), 0, {}
    for entry in group["weights"]:
        kind = np.dtype(entry["dtype"])
        count = int(np.prod(entry["shape"], dtype=np.int64))
        weights[entry["name"]] = np.frombuffer(content, kind, count, start).reshape(entry["shape"])
        start += count * kind.itemsize
    return head, weights


def _as_known(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """In one of the types that TensorFlow.js has: it counts in 32 bits."""
    if array.dtype.kind == "b":
        return array
    if array.dtype.kind in "iu":
        return np.asarray(np.clip(array, -(2**31), 2**31 - 1), "<i4")
    if array.dtype.kind == "f":
        return array.astype("<f4")
    raise ValueError(f"{name}: wanted numbers, as TensorFlow.js takes no others here, got {array.dtype}")
