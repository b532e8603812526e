"""Versions of one model, `m`, under a manager in this process: its config, its states, its answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from slipline.serving.models.loaded_model import LoadedModel
from slipline.serving.server.methods.methods import Methods
from slipline.serving.server.versions.manager import VersionManager
from slipline.serving.server.versions.sources import ModelSource
from slipline.serving.server.versions.warmup import WarmUps
from slipline.serving.wire import serving_pb2
from slipline.serving.wire.serving_pb2 import ModelSpec

Manage = Callable[..., VersionManager]
X = np.array([1], "float32")


def source(base: Path, *only: int, **labels: int) -> dict[str, ModelSource]:
    return {"m": ModelSource(name="m", base_path=base, only=frozenset(only) if only else None, labels=labels)}


def wait_for_state(manager: VersionManager, version: int, state: str) -> serving_pb2.ModelVersionStatus:
    wanted = serving_pb2.ModelVersionStatus.State.Value(state)
    with manager._changed:
        assert manager._changed.wait_for(lambda: manager.statuses("m", version)[0].state == wanted, 30)
    return manager.statuses("m", version)[0]


def states(manager: VersionManager) -> dict[int, str]:
    return {s.version: serving_pb2.ModelVersionStatus.State.Name(s.state) for s in manager.statuses("m")}


def answer(manager: VersionManager, version: int | None = None, label: str = "") -> float:
    spec = ModelSpec(name="m")
    if version is not None:
        spec.version.value = version
    if label:
        spec.version_label = label
    with manager.using(spec) as served:
        return float(served.model.run({"x": X})["y"][0])


def bytes_on_disk(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def warm_up(model: LoadedModel, methods: Methods | None = None) -> int:
    """How many recorded requests were replayed."""
    counts = [0]
    WarmUps(methods or Methods(), on_end=lambda folder, status, records, seconds: counts.append(records)).warm_up(model)
    return counts[-1]
