"""What an artifact comes to is said in a few words, on the report and in the lineage alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from slipline.components.artifacts import Anomalies, Baseline, Examples, Shard, Split, Statistics
from slipline.pipeline.app.artifact_words import artifact_words, words_of
from slipline.pipeline.core.artifact import Artifact
from slipline.pipeline.store.lineage import trace
from tests.pipeline.app.report_bench import Bench

HERE = Path("somewhere")
SPLITS = (Split(name="train", shards=(Shard(file="a", records=70_000, source="b"),)),)


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
        (Baseline(path=HERE), "no earlier run"),
        (Statistics(path=HERE), ""),
    ],
)
def test_the_facts_that_matter_are_said(artifact: Artifact, words: str) -> None:
    assert artifact_words(artifact) == words


def test_an_execution_on_record_is_told_by_its_facts(bench: Bench) -> None:
    committed = bench.done("ingest", Examples(path=bench.folder("ingest"), splits=SPLITS, set_aside=1))
    (made,) = trace(bench.store, committed.execution_id).executions
    assert words_of(made) == "70,000 records, 1 set aside"


def test_what_this_version_does_not_know_is_told_without_words(bench: Bench) -> None:
    committed = bench.done("ingest", Examples(path=bench.folder("ingest"), splits=SPLITS))
    (made,) = trace(bench.store, committed.execution_id).executions
    assert words_of(replace(made, artifact_type="Horoscope")) == ""
    assert words_of(replace(made, facts='{"sign": "libra"}')) == ""
