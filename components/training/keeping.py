"""What outlives a kill: weights, the optimizer's state and the progress, in one file that a rename makes count."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from slipline.components.training.epoch_history import Progress, progress_from_json
from slipline.pipeline.core.component import Say
from slipline.serving.folders.whole_file import replaced

Weights = tuple[NDArray[np.generic], ...]
"""Of each variable, in order."""


def variables_of(model: keras.Model) -> list[keras.Variable]:
    """All that a step changes: weights, the state of layers, and the optimizer's."""
    return [*model.variables, *model.optimizer.variables]


def weights_of(model: keras.Model) -> Weights:
    """A copy of all that the network itself holds, without the optimizer."""
    return tuple(variable.value.numpy() for variable in model.variables)


def put(variables: Sequence[keras.Variable], weights: Sequence[NDArray[np.generic]]) -> None:
    """Gives variables these values.

    Raises:
      ValueError: There are not as many, or one has another shape.
    """
    for variable, value in zip(variables, weights, strict=True):
        # NumPy's files do not know bfloat16: its bytes come back without a name.
        variable.assign(value.view(variable.value.numpy().dtype) if value.dtype.kind == "V" else value)


def keep(model: keras.Model, best: Weights, progress: Progress, scratch: Path) -> None:
    """Leaves everything for a next execution, in place of what was left before."""
    before = _kept(scratch)
    file = scratch / f"kept-{len(progress.history)}-{progress.steps}.npz"
    arrays: dict[str, Any] = {f"variable{i}": variable.value.numpy() for i, variable in enumerate(variables_of(model))}
    arrays |= {f"best{i}": value for i, value in enumerate(best)}
    with replaced(file, flush=True) as aside, aside.open("wb") as stream:
        np.savez(stream, progress=np.array(progress.to_json()), **arrays)
    for old in before:
        old.unlink()


def take_up(model: keras.Model, scratch: Path, say: Say) -> tuple[Progress, Weights]:
    """Gives the network what an earlier execution left last; its progress, and the best weights so far."""
    for file in reversed(_kept(scratch)):
        initial = [variable.value.numpy() for variable in variables_of(model)]
        try:
            with np.load(file) as kept:
                progress = progress_from_json(str(kept["progress"]))
                put(variables_of(model), _numbered(kept, "variable"))
                return progress, tuple(_numbered(kept, "best"))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            say(f"{file.name} cannot be taken up ({error})")
            put(variables_of(model), initial)
            file.unlink()
    return Progress(), ()


def _numbered(kept: np.lib.npyio.NpzFile, name: str) -> list[NDArray[np.generic]]:
    count = sum(key.startswith(name) for key in kept.files)
    return [kept[f"{name}{number}"] for number in range(count)]


def _kept(scratch: Path) -> list[Path]:
    return sorted(scratch.glob("kept-*.npz"), key=lambda file: [int(part) for part in file.stem.split("-")[1:]])
