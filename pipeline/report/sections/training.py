"""What the report shows of a training: its epochs, in a table and as curves."""

from __future__ import annotations

from collections.abc import Sequence

from slipline.components.artifacts import TrainedModel
from slipline.components.training.epoch_history import Epoch, read_history
from slipline.pipeline.report.kit.figures import epochs_figure
from slipline.pipeline.report.kit.format import count, nats, percent, plural, seconds
from slipline.pipeline.report.kit.section import (
    Column,
    Figure,
    Figures,
    Folded,
    KeyNumber,
    Part,
    Section,
    Table,
    Text,
    number,
)
from slipline.pipeline.report.products import AnyProduct, Product

MOST_OPEN = 10


def training_section(product: Product[TrainedModel], among: Sequence[AnyProduct]) -> Section:
    """The training."""
    trained = product.artifact
    epochs = read_history(trained.history_path)
    took = seconds(sum(epoch.seconds for epoch in epochs))
    note = f"{plural(len(epochs), 'epoch')}, {count(trained.parameters)} parameters"
    table = Folded("Epoch by epoch", (_table(trained, epochs),), is_open=len(epochs) <= MOST_OPEN)
    return Section("Training", (_curves(epochs), table), (KeyNumber("Training time", took, note),))


def _curves(epochs: Sequence[Epoch]) -> Part:
    if len(epochs) < 2:
        return Text("One epoch, so there is no curve to draw.", "quiet")
    losses = [epoch.validation_loss for epoch in epochs if epoch.validation_loss is not None]
    rights = [epoch.validation_accuracy for epoch in epochs if epoch.validation_accuracy is not None]
    accuracies = [epoch.accuracy for epoch in epochs]
    return Figures(
        (
            Figure("Loss, nats per example", epochs_figure("Loss", [epoch.loss for epoch in epochs], losses)),
            Figure("Accuracy", epochs_figure("Accuracy", accuracies, rights, written=percent)),
        )
    )


def _table(trained: TrainedModel, epochs: Sequence[Epoch]) -> Table:
    columns: list[Column | str] = ["Epoch", number("Loss"), number("Accuracy")]
    if trained.validation_records:
        columns += [number("Loss, held out"), number("Accuracy, held out")]
    rows = [
        [
            str(epoch.epoch),
            nats(epoch.loss),
            percent(epoch.accuracy),
            *([nats(epoch.validation_loss or 0.0), percent(epoch.validation_accuracy or 0.0)] * (len(columns) > 3)),
            seconds(epoch.seconds),
        ]
        for epoch in epochs
    ]
    return Table([*columns, number("Time")], rows, _caption(trained), "compact")


def _caption(trained: TrainedModel) -> str:
    held_out = f"; and, with those after it, on {count(trained.validation_records)} records held out, dashed above"
    told = "On the batches of each epoch, as the weights were at the time"
    told += f"{held_out}." if trained.validation_records else "."
    if trained.device:
        told += f" Trained on {trained.device}."
    if trained.stopped_early:
        told += f" It ended after {plural(trained.epochs, 'epoch')}, as the loss of those held out no longer fell."
    if trained.epoch is not None and trained.epoch != trained.epochs:
        told += f" The weights of epoch {trained.epoch} are kept."
    return told
