"""What the report shows of single predictions: who was taken for whom, the worst mistakes, and changed images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from slipline.components.artifacts import Evaluation, Examples
from slipline.components.evaluation.evaluate_settings import RobustnessParams
from slipline.components.evaluation.perturbations import perturbed
from slipline.components.examples.examples_io import read_batches
from slipline.components.features.decode_images import scaled
from slipline.components.features.schema_io import ExampleSpec
from slipline.pipeline.report.kit.format import count, percent
from slipline.pipeline.report.kit.pictures import pictures_of, pixels_uri
from slipline.pipeline.report.kit.section import Matrix, Picture

WORST_MISTAKES = 24
CHANGED_IMAGES = 3


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
    def classes(self) -> int:
        """How many classes there are."""
        return int(self.probabilities.shape[1])

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The likeliest class of each record, int64 [N]."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @property
    def mistakes(self) -> int:
        """How many answers were wrong."""
        return int(np.count_nonzero(self.predicted != self.labels))


def confusion(predictions: Predictions, names: Sequence[str]) -> Matrix:
    """The confusion matrix."""
    counts = np.zeros((len(names), len(names)), np.int64)
    np.add.at(counts, (predictions.labels, predictions.predicted), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    mistakes = ~np.eye(len(names), dtype=bool)
    tints = np.where(mistakes, shares / (shares[mistakes].max(initial=0.0) or 1.0), shares)
    return Matrix(
        names,
        [
            [
                (count(int(counts[i, j])), f"{percent(float(shares[i, j]))} of label {name}", float(tints[i, j]))
                for j in range(len(names))
            ]
            for i, name in enumerate(names)
        ],
        "Rows: true label; columns: predicted. Blue: share of the row that is right; red: mistakes, the deepest being "
        "the most frequent one.",
    )


def worst_mistakes(
    predictions: Predictions, examples: Examples, split: str, spec: ExampleSpec, names: Sequence[str]
) -> list[Picture]:
    """The wrong answers that the model was surest of, the surest first."""
    predicted = predictions.predicted
    wrong = np.flatnonzero(predicted != predictions.labels)
    sureness = predictions.probabilities[wrong, predicted[wrong]]
    numbers = [int(number) for number in wrong[np.argsort(-sureness, kind="stable")][:WORST_MISTAKES]]
    pictures = pictures_of(examples, split, numbers, spec)

    def shown(number: int) -> Picture:
        label, answer, found = predictions.labels[number], predicted[number], pictures[number]
        of_label, of_answer = (percent(float(predictions.probabilities[number, each])) for each in (label, answer))
        return Picture(
            [found.uri],
            f"{names[label]}, taken for {names[answer]}",
            (f"true {names[label]} at {of_label}", f"predicted {names[answer]} at {of_answer}"),
            found.place,
            found.file,
        )

    return [shown(number) for number in numbers]


def changed_images(examples: Examples, split: str, params: RobustnessParams, spec: ExampleSpec) -> Iterator[Picture]:
    """The first records of the split that was measured on, changed in each way that was tried."""
    (first,) = islice(read_batches(examples, split, spec, CHANGED_IMAGES), 1)
    images = scaled(first.images)
    for kind in params.kinds:
        changed = np.round(perturbed(kind, images, np.arange(len(images)), params) * 255).astype(np.uint8)
        yield Picture([pixels_uri(pixels) for pixels in changed], f"a record, {kind}", [kind])
