"""What an artifact comes to is said in a few words, and what a person should hear of it in a few lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipline.components.artifacts import (
    Anomalies,
    Baseline,
    Check,
    CopyCount,
    Evaluation,
    Examples,
    ExportedFile,
    InfraCheck,
    LiveModel,
    Release,
    ServableModel,
    Shard,
    SliceMetrics,
    Split,
    Statistics,
    TrainedModel,
)
from slipline.pipeline.core.artifact import Artifact, Verdict

HERE = Path("somewhere")
SPLITS = (Split(name="train", shards=(Shard(file="a", records=70_000, source="b"),)),)
EXPORTS = (
    ExportedFile(format="saved_model", file="saved_model.pb"),
    ExportedFile(format="tflite", file="a.tflite", withheld="an operation is not known"),
    ExportedFile(format="tfjs", file="model.json", withheld="another layer"),
)
ALL = SliceMetrics(name="all", records=9, accuracy=0.98765, log_loss=0.0123)


def judged(passed: bool, *reasons: str, aside: int = 0) -> Anomalies:
    return Anomalies(path=HERE, passed=passed, records=9, offending=2, reasons=reasons, set_aside=aside)


@pytest.mark.parametrize(
    ("artifact", "words"),
    [
        (Examples(path=HERE, splits=SPLITS), "70,000 records"),
        (Examples(path=HERE, splits=SPLITS, set_aside=3), "70,000 records, 3 set aside"),
        (judged(True), "passed, 9 records checked"),
        (judged(True, aside=2), "passed, 9 records checked, 2 set aside"),
        (judged(False, "a", "b", "c"), "did not pass, 3 reasons"),
        (judged(False, "a"), "did not pass, 1 reason"),
        (Baseline(path=HERE), "no earlier run"),
        (Baseline(path=HERE, origin="yesterday's"), "yesterday's"),
        (Statistics(path=HERE), ""),
        (TrainedModel(path=HERE, records=1, parameters=2, loss=3, accuracy=0.5), "1 record, training accuracy 50.00%"),
        (ServableModel(path=HERE, signatures=("a", "b")), "2 signatures"),
        (ServableModel(path=HERE, signatures=("a",), exports=EXPORTS), "1 signature, 1 format, 2 withheld"),
        (ServableModel(path=HERE, signatures=("a",), exports=EXPORTS[:1]), "1 signature, 1 format"),
        (LiveModel(path=HERE, version=None), "nothing was live"),
        (LiveModel(path=HERE, version=3), "version 3 was live"),
        (Evaluation(path=HERE, passed=True, overall=ALL, slices=()), "passed, accuracy 98.77%"),
        (InfraCheck(path=HERE, passed=False, requests=0), "did not pass, 0 requests answered"),
        (Release(path=HERE, model="m", version=7, digest="d"), "version 7"),
        (Verdict(path=HERE, passed=True), "passed"),
        (Verdict(path=HERE, passed=False), "did not pass"),
        (Artifact(path=HERE), ""),
    ],
)
def test_the_facts_that_matter_are_said(artifact: Artifact, words: str) -> None:
    assert artifact.words() == words


@pytest.mark.parametrize(
    ("artifact", "notes"),
    [
        (Artifact(path=HERE), []),
        (Examples(path=HERE, splits=SPLITS), []),
        (
            Examples(path=HERE, splits=SPLITS, passed_over=("/a/notes.txt", "/b")),
            ["passed over 2 files of no known kind, such as /a/notes.txt"],
        ),
        (
            Statistics(
                path=HERE,
                copies=(
                    CopyCount(split="train", of="train", records=1),
                    CopyCount(split="test", of="train", records=1200),
                    CopyCount(split="test", of="test", records=0),
                ),
            ),
            [
                "train: 1 record is a copy of an earlier one, see the report",
                "test: 1,200 records are also in train, see the report",
            ],
        ),
        (Baseline(path=HERE, copies=(CopyCount(split="train", of="train", records=1),)), []),
        (judged(True), []),
        (judged(True, aside=2), ["set aside 2 of 9 records, see somewhere/offenders.csv"]),
        (
            ServableModel(path=HERE, signatures=("a",), exports=EXPORTS),
            ["tflite was withheld: an operation is not known", "tfjs was withheld: another layer"],
        ),
        (
            Evaluation(path=HERE, passed=True, overall=ALL, slices=(), split="test"),
            ["test accuracy 0.9877, log loss 0.0123"],
        ),
    ],
)
def test_what_stopped_nothing_is_said_all_the_same(artifact: Artifact, notes: list[str]) -> None:
    assert list(artifact.notes()) == notes


def check(**facts: object) -> Check:
    told = {"setting": "evaluate.x", "metric": "recall of class 1", "slice": "all", "measured": 0.5, "passed": False}
    return Check(**{**told, **facts})  # type: ignore[arg-type]


def test_a_check_is_told_with_the_value_the_limit_and_what_else_there_is_to_know() -> None:
    low = check(relation="at least", limit=0.97, evidence="of 3 records")
    assert low.sentence == "recall of class 1 0.5000 is below evaluate.x 0.97 (of 3 records)"
    high = check(relation="at most", limit=0.1, slice="label 7")
    assert high.sentence == "label 7: recall of class 1 0.5000 is above evaluate.x 0.1"
    worse = check(relation="worse by at most", limit=0.1)
    assert "is 0.5000 worse than the live model's, more than evaluate.x 0.1" in worse.sentence
    nothing = check(relation="at least", limit=0.97, measured=None, surely=True)
    assert nothing.sentence == "recall of class 1 is not defined, where evaluate.x wants at least 0.97, surely"
