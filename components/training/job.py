"""One training: what to learn from and how, and where results go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from slipline.components.artifacts import Examples, Schema
from slipline.components.training.train_settings import TrainParams


@dataclass(frozen=True, kw_only=True)
class Job:
    """What the step `train` was handed; see there."""

    examples: Examples
    schema: Schema
    params: TrainParams
    out: Path
    scratch: Path
