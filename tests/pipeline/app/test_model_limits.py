"""What measurements say a model is not for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from slipline.components.evaluation.describe import describe
from slipline.components.evaluation.evaluate_settings import EvaluateParams, Limit
from slipline.components.evaluation.results import Results
from slipline.components.evaluation.tally import Tally
from slipline.pipeline.app.model_limits import limit_lines, not_for

PARAMS = EvaluateParams(min_accuracy=0.5, limits=(Limit(slice="inverted", metric="accuracy", at_least=0.5),))
LABELS = np.arange(400) % 2


def tally_of(right: float, where: NDArray[np.bool_] | None = None) -> Tally:
    chosen = np.ones(400, bool) if where is None else where
    is_right = np.arange(400) < right * 400
    predicted = np.where(is_right, LABELS, 1 - LABELS)
    answers = (np.eye(2)[predicted] * 0.98 + 0.01).astype(np.float32)
    return Tally.of(answers[chosen], LABELS[chosen])


def results(*, inverted: float, rotated: float) -> Results:
    labels = [describe(f"label {one}", tally_of(0.98, one == LABELS), None, PARAMS, by_class=False) for one in (0, 1)]
    return Results(
        confidence=0.95,
        overall=describe("all", tally_of(0.98), None, PARAMS),
        by_label=tuple(labels),
        by_feature=(),
        untouched=describe("untouched", tally_of(0.98), None, PARAMS),
        robustness=(
            describe("inverted", tally_of(inverted), None, PARAMS),
            describe("rotated", tally_of(rotated), None, PARAMS),
        ),
        not_sliced_by=(),
    )


def test_images_on_which_it_is_surely_worse_are_named_and_others_are_not() -> None:
    (sentence,) = not_for(results(inverted=0.2, rotated=0.975), ("cat", "dog"))
    assert sentence.startswith("Inverted images: accuracy 20.00")


def test_limits_are_told_with_what_was_measured_and_whether_it_keeps_to_them() -> None:
    lines = limit_lines(results(inverted=0.2, rotated=0.98), PARAMS)
    assert [(line.setting, line.measured, line.kept) for line in lines][::2] == [
        ("evaluate.min_accuracy", "0.9800", True),
        ("evaluate.limits[0]", "0.2000", False),
    ]
