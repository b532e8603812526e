"""What the report makes of the predictions: who was taken for whom, the metrics by label, the worst mistakes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slipline.components.artifacts import Evaluation, Examples, SliceMetrics
from slipline.components.evaluation.results import Results
from slipline.components.features.schema_io import ExampleSpec
from slipline.pipeline.app.report_format import count, nats, percent
from slipline.pipeline.app.report_images import Picture, pictures_of
from slipline.pipeline.app.report_measured import measure

WORST_MISTAKES = 24


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """`probabilities` float32 [N, classes] and `labels` int64 [N], in record order."""

    probabilities: NDArray[np.float32]
    labels: NDArray[np.int64]

    @classmethod
    def load(cls, evaluation: Evaluation) -> Predictions:
        """All predictions of an evaluation."""
        with np.load(evaluation.predictions_path) as archive:
            return cls(probabilities=archive["probabilities"], labels=archive["labels"])

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The likeliest class of each record, int64 [N]."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """How often one class was taken for another, or for itself.

    Attributes:
      count: Records.
      share: Of the row's records, in 0..1.
      tint: How strongly it is coloured, in 0..1; mistakes against the largest share of a mistake.
      right: Whether it counts right answers.
    """

    count: str
    share: str
    tint: float
    right: bool


@dataclass(frozen=True, kw_only=True)
class Row:
    """The records of one true class."""

    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class LabelMetrics:
    """The metrics of one label.

    Attributes:
      interval: Of the accuracy; empty if there is none.
      share: Its error rate against the worst label's, in 0..1.
    """

    name: str
    records: str
    accuracy: str
    interval: str
    log_loss: str
    wrong: str
    share: float


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A record whose answer was wrong, and how sure the model was."""

    picture: Picture
    label: str
    predicted: str
    probability: str
    probability_of_label: str


def confusion(predictions: Predictions, names: tuple[str, ...]) -> tuple[Row, ...]:
    """The confusion matrix, a row for each true class."""
    counts = np.zeros((len(names), len(names)), np.int64)
    np.add.at(counts, (predictions.labels, predictions.predicted), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    largest = float(shares[~np.eye(len(names), dtype=bool)].max(initial=0.0)) or 1.0
    return tuple(
        Row(
            name=name,
            cells=tuple(
                Cell(
                    count=count(int(counts[i, j])),
                    share=percent(float(shares[i, j])),
                    tint=float(shares[i, j] if i == j else shares[i, j] / largest),
                    right=i == j,
                )
                for j in range(len(names))
            ),
        )
        for i, name in enumerate(names)
    )


def metrics_by_label(
    evaluation: Evaluation, results: Results | None, names: tuple[str, ...]
) -> tuple[LabelMetrics, ...]:
    """The table of metrics by label; its intervals are those of `results`."""
    intervals = {each.name: measure("", each.accuracy).interval for each in results.by_label} if results else {}
    worst = max((1 - each.accuracy for each in evaluation.slices), default=0.0) or 1.0
    return tuple(
        LabelMetrics(
            name=_label_name(each, names),
            records=count(each.records),
            accuracy=percent(each.accuracy),
            interval=intervals.get(each.name, ""),
            log_loss=nats(each.log_loss),
            wrong=count(round(each.records * (1 - each.accuracy))),
            share=(1 - each.accuracy) / worst,
        )
        for each in evaluation.slices
    )


def _label_name(metrics: SliceMetrics, names: tuple[str, ...]) -> str:
    number = metrics.name.removeprefix("label ")
    return names[int(number)] if number.isdecimal() and int(number) < len(names) else metrics.name


def worst_mistakes(
    predictions: Predictions, examples: Examples, split: str, spec: ExampleSpec, names: tuple[str, ...]
) -> tuple[Mistake, ...]:
    """The wrong answers that the model was surest of, the surest first."""
    predicted = predictions.predicted
    wrong = np.flatnonzero(predicted != predictions.labels)
    sureness = predictions.probabilities[wrong, predicted[wrong]]
    numbers = [int(number) for number in wrong[np.argsort(-sureness, kind="stable")][:WORST_MISTAKES]]
    pictures = pictures_of(examples, split, numbers, spec)
    return tuple(
        Mistake(
            picture=pictures[number],
            label=names[predictions.labels[number]],
            predicted=names[predicted[number]],
            probability=percent(float(predictions.probabilities[number, predicted[number]])),
            probability_of_label=percent(float(predictions.probabilities[number, predictions.labels[number]])),
        )
        for number in numbers
    )


def mistakes_in(predictions: Predictions) -> int:
    """How many answers were wrong."""
    return int(np.count_nonzero(predictions.predicted != predictions.labels))
