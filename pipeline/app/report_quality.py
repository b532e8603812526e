"""What the report says about the quality of the model, alone and beside the live one."""

from __future__ import annotations

from dataclasses import dataclass

from slipline.components.artifacts import Evaluation, Examples
from slipline.components.evaluation.results import read_results
from slipline.components.features.schema_io import ExampleSpec
from slipline.pipeline.app.report_artifacts import made_of
from slipline.pipeline.app.report_measured import Measured, measured_of
from slipline.pipeline.app.report_perturbed import ChangedImages, changed_images
from slipline.pipeline.app.report_predictions import (
    LabelMetrics,
    Mistake,
    Predictions,
    Row,
    confusion,
    metrics_by_label,
    mistakes_in,
    worst_mistakes,
)
from slipline.pipeline.app.settings.training_settings import TrainingSettings
from slipline.pipeline.runners.local import RunReport

MOST_CLASSES = 40
"""A larger confusion matrix is not drawn: nobody reads it."""


@dataclass(frozen=True, kw_only=True)
class Quality:
    """How good the model is.

    Attributes:
      split: Where that was measured.
      evaluation: The verdict.
      names: Of the classes.
      confusion: Empty if there are too many classes.
      by_label: The metrics of each label.
      measured: Every metric with its interval; None for an evaluation made before there were any.
      changed: What images look like after each kind of change; empty if none were tried.
      mistakes: The worst of them.
      wrong: How many answers were wrong.
    """

    split: str
    evaluation: Evaluation
    names: tuple[str, ...]
    confusion: tuple[Row, ...]
    by_label: tuple[LabelMetrics, ...]
    measured: Measured | None
    changed: tuple[ChangedImages, ...]
    mistakes: tuple[Mistake, ...]
    wrong: int


def quality_of(run: RunReport, settings: TrainingSettings, examples: Examples, spec: ExampleSpec) -> Quality | None:
    """The quality of the run's model; None if it was not measured.

    Args:
      run: How the run went.
      settings: In force in it.
      examples: Those that were asked, in the order of the predictions.
      spec: What is read of them.
    """
    evaluation = made_of(run, Evaluation)
    if evaluation is None:
        return None
    names = examples.class_names(spec.label.classes)
    predictions = Predictions.load(evaluation)
    results = read_results(evaluation.path)
    tried = results is not None and results.untouched is not None
    return Quality(
        split=settings.evaluate.split,
        evaluation=evaluation,
        names=names,
        confusion=confusion(predictions, names) if len(names) <= MOST_CLASSES else (),
        by_label=metrics_by_label(evaluation, results, names),
        measured=None if results is None else measured_of(results, names),
        changed=changed_images(examples, settings.evaluate, spec) if tried else (),
        mistakes=worst_mistakes(predictions, examples, settings.evaluate.split, spec, names),
        wrong=mistakes_in(predictions),
    )
