"""What the report says about the training: its history and two curves."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pipeline.app.report_artifacts import made_of
from pipeline.app.report_figures import accuracy_figure, loss_figure
from pipeline.artifacts import TrainedModel
from pipeline.runners.local import RunReport


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One line of a training's history; `loss` in nats per example, `accuracy` in 0..1."""

    epoch: int
    loss: float
    accuracy: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Training:
    """The history of the training, and its two curves as `<svg>` elements; empty for a single epoch."""

    epochs: tuple[Epoch, ...]
    loss: str
    accuracy: str


def history_of(trained: TrainedModel) -> tuple[Epoch, ...]:
    """The epochs of a training, in order."""
    return tuple(Epoch(**line) for line in json.loads(trained.history_path.read_text("utf-8")))


def training_of(run: RunReport) -> Training | None:
    """The training of a run; None if it came to none."""
    trained = made_of(run, TrainedModel)
    if trained is None:
        return None
    epochs = history_of(trained)
    if len(epochs) == 1:
        return Training(epochs=epochs, loss="", accuracy="")
    return Training(
        epochs=epochs,
        loss=loss_figure("loss", [epoch.loss for epoch in epochs]),
        accuracy=accuracy_figure("accuracy", [epoch.accuracy for epoch in epochs]),
    )
