"""What a run made, each with what it was made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from slipline.components.artifacts import Evaluation, Examples, Schema, Shard, Split, Statistics, TrainedModel
from slipline.pipeline.core.artifact import Artifact
from slipline.pipeline.report.products import products_of, recorded_artifact, told
from slipline.pipeline.store.lineage import trace
from tests.pipeline.report.report_bench import (
    SCHEMA,
    Bench,
    described,
    evaluated,
    exported,
    ingested,
    passed_run,
    trained,
)

SPLITS = (Split(name="train", shards=(Shard(file="a", records=70_000, source="b"),)),)


@dataclass(frozen=True, kw_only=True)
class Horoscope(Artifact):
    """An artifact of a test's own."""

    sign: str

    def words(self) -> str:
        """The sign."""
        if not self.sign:
            raise LookupError("no sign")
        return f"under {self.sign}"


def test_products_know_what_they_were_made_of_whatever_the_steps_are_called(bench: Bench) -> None:
    bench.rename = lambda step: f"my_{step}"
    examples = ingested(bench)
    evaluated(bench, exported(bench, trained(bench, examples)), examples, wrong=1)
    *_, evaluation = products_of(bench.report, bench.store)
    assert evaluation.step == "my_evaluate"
    assert evaluation.took(Examples) == examples.artifact
    assert evaluation.took(Schema) == Schema(path=SCHEMA)
    assert evaluation.took(TrainedModel) is None
    model = evaluation.behind(TrainedModel)
    assert model is not None
    assert (model.step, model.took(Examples)) == ("my_train", examples.artifact)
    assert (model.setting("batch_size"), model.setting("no_such")) == (64, None)
    assert evaluation.behind(Evaluation) is None


def test_a_gate_is_not_what_a_release_was_made_of(bench: Bench) -> None:
    passed_run(bench)
    *_, release = products_of(bench.report, bench.store)
    assert release.took(Evaluation) is None
    assert release.behind(TrainedModel) is not None


def test_of_two_kinds_alike_the_very_class_is_taken(bench: Bench) -> None:
    examples = ingested(bench)
    statistics = described(bench, examples)
    from slipline.components.artifacts import Baseline

    baseline = bench.done("find_baseline", Baseline(path=bench.folder("find_baseline")), statistics)
    bench.done("validate", Horoscope(path=bench.folder("validate"), sign="libra"), baseline, statistics)
    *_, last = products_of(bench.report, bench.store)
    assert last.took(Statistics) == statistics.artifact
    assert last.took(Baseline) == baseline.artifact


def test_what_another_run_made_is_read_from_the_record(bench: Bench) -> None:
    examples = ingested(bench)
    model = trained(bench, examples)
    bench.outcomes = [outcome for outcome in bench.outcomes if outcome.made is model]
    (product,) = products_of(bench.report, bench.store)
    assert product.took(Examples) == examples.artifact


def test_an_execution_on_record_is_told_by_its_facts(bench: Bench) -> None:
    committed = bench.done("ingest", Examples(path=bench.folder("ingest"), splits=SPLITS, set_aside=1))
    (made,) = trace(bench.store, committed.execution_id).executions
    artifact = recorded_artifact(made, bench.store.home)
    assert artifact == committed.artifact
    assert told(committed.artifact) == "70,000 records, 1 set aside"


def test_an_artifact_of_ones_own_is_read_and_told_alike(bench: Bench) -> None:
    committed = bench.done("look", Horoscope(path=bench.folder("look"), sign="libra"))
    (made,) = trace(bench.store, committed.execution_id).executions
    artifact = recorded_artifact(made, bench.store.home)
    assert artifact == committed.artifact
    assert told(committed.artifact) == "under libra"


@pytest.mark.parametrize(
    "changed",
    [
        {"artifact_class": "", "artifact_type": "Horoscope"},
        {"artifact_class": "no.such.module:Thing", "artifact_type": "Thing"},
        {"facts": '{"sign": "libra"}'},
    ],
)
def test_what_this_version_does_not_know_is_nothing(bench: Bench, changed: dict[str, str]) -> None:
    committed = bench.done("ingest", Examples(path=bench.folder("ingest"), splits=SPLITS))
    (made,) = trace(bench.store, committed.execution_id).executions
    for name, value in changed.items():
        setattr(made, name, value)
    assert recorded_artifact(made, bench.store.home) is None


def test_words_that_fail_are_told_with_what_went_wrong_and_no_words_with_the_class() -> None:
    assert "Horoscope, whose words() failed: LookupError: no sign" in told(Horoscope(path=Path(), sign=""))
    assert told(Statistics(path=Path())) == "Statistics"
