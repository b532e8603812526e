"""What the report says about the training: its history and two curves."""

from __future__ import annotations

import json
from dataclasses import dataclass

from slipline.components.artifacts import TrainedModel
from slipline.pipeline.app.report_artifacts import made_of
from slipline.pipeline.app.report_figures import accuracy_figure, loss_figure
from slipline.pipeline.runners.local import RunReport


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One line of a training's history; losses in nats per example, accuracies in 0..1; validation if held out."""

    epoch: int
    loss: float
    accuracy: float
    seconds: float
    learning_rate: float | None = None
    validation_loss: float | None = None
    validation_accuracy: float | None = None


@dataclass(frozen=True, kw_only=True)
class Training:
    """The history of the training, and its figures as `<svg>` elements; empty for a single epoch.

    Attributes:
      epochs: All of them, in order.
      loss: Figure of the losses.
      accuracy: Figure of the accuracies.
      kept: Number of the epoch whose weights are kept.
      device: What it ran on.
      held_out: Records held out, to be measured on after each epoch.
    """

    epochs: tuple[Epoch, ...]
    loss: str
    accuracy: str
    kept: int | None
    device: str
    held_out: int


def history_of(trained: TrainedModel) -> tuple[Epoch, ...]:
    """The epochs of a training, in order."""
    return tuple(Epoch(**line) for line in json.loads(trained.history_path.read_text("utf-8")))


def training_of(run: RunReport) -> Training | None:
    """The training of a run; None if it came to none."""
    trained = made_of(run, TrainedModel)
    if trained is None:
        return None
    epochs = history_of(trained)
    several = len(epochs) > 1
    held_out = [epoch.validation_loss for epoch in epochs if epoch.validation_loss is not None]
    right = [epoch.validation_accuracy for epoch in epochs if epoch.validation_accuracy is not None]
    return Training(
        epochs=epochs,
        loss=loss_figure("loss", [epoch.loss for epoch in epochs], held_out) if several else "",
        accuracy=accuracy_figure("accuracy", [epoch.accuracy for epoch in epochs], right) if several else "",
        kept=trained.epoch,
        device=trained.device,
        held_out=trained.validation_records,
    )
