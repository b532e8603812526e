"""What measurements say a model is not for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from slipline.components.artifacts import CopyCount, Evaluation, Examples, SliceMetrics, Split, Statistics, TrainedModel
from slipline.components.evaluation.describe import describe
from slipline.components.evaluation.evaluate_settings import EvaluateParams, Limit
from slipline.components.evaluation.results import Results
from slipline.components.evaluation.tally import Tally
from slipline.pipeline.report.card import not_for, seen_in_training
from slipline.pipeline.report.products import Product

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


HERE = Path("somewhere")
SPLITS = tuple(Split(name=name, shards=()) for name in ("train", "test"))
ALL = Examples(path=HERE, splits=SPLITS)
LEFT = Examples(path=HERE, splits=SPLITS, set_aside=3)


def evaluated(split: str, examples: Examples | None = ALL) -> Product:
    whole = SliceMetrics(name="all", records=5, accuracy=1, log_loss=0)
    evaluation = Evaluation(path=HERE, passed=True, overall=whole, slices=(), split=split)
    return Product(artifact=evaluation, inputs=() if examples is None else (Product(artifact=examples),))


def trained(split: str = "train", held_out: int = 0, examples: Examples = ALL) -> Product:
    model = TrainedModel(
        path=HERE, records=9, parameters=1, loss=1, accuracy=1, split=split, validation_records=held_out
    )
    return Product(artifact=model, inputs=(Product(artifact=examples),))


def counted(records: int, split: str = "test", of: str = "train", examples: Examples = ALL) -> Product:
    copies = (CopyCount(split="train", of="train", records=7), CopyCount(split=split, of=of, records=records))
    return Product(artifact=Statistics(path=HERE, copies=copies), inputs=(Product(artifact=examples),))


@pytest.mark.parametrize(
    ("measured", "model", "among", "told"),
    [
        (evaluated("test"), trained(), [counted(0)], "No record of it was trained on, which was train."),
        (evaluated("test"), trained(), [counted(3)], "3 records of test have the content of one of train."),
        (evaluated("train"), trained("test"), [counted(1)], "1 record of test have the content of one of train."),
        (
            evaluated("test"),
            trained(),
            [],
            "It was trained on train; whether some records are in both was not counted.",
        ),
        (
            evaluated("test"),
            trained(),
            [counted(3, "other")],
            "It was trained on train; whether some records are in both was not counted.",
        ),
        (
            evaluated("test", LEFT),
            trained(examples=LEFT),
            [counted(3), Product(artifact=LEFT, inputs=(Product(artifact=ALL),))],
            "Up to 3 records of test have the content of one of train.",
        ),
        (
            evaluated("test", LEFT),
            trained(examples=LEFT),
            [counted(3)],
            "It was trained on train; whether some records are in both was not counted.",
        ),
        (
            evaluated("train"),
            trained(),
            [counted(0)],
            "It was trained on these very records: how well it does on others was not measured.",
        ),
        (
            evaluated("train"),
            trained(held_out=6000),
            [],
            "It was trained on these very records but for 6,000 records held out: how well",
        ),
        (evaluated("test", LEFT), trained(), [counted(0)], "It was trained on other examples; whether some records"),
        (evaluated("test", None), trained(), [counted(0)], "It was trained on other examples; whether some records"),
        (evaluated("test"), trained(split=""), [], "What it was trained on is not on record."),
        (evaluated("test"), None, [], "What it was trained on is not on record."),
    ],
)
def test_what_is_known_of_records_seen_in_training_is_said_and_no_more(
    measured: Product, model: Product | None, among: list[Product], told: str
) -> None:
    assert told in seen_in_training(measured, model, among)
