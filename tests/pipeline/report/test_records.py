"""The records of every stage are counted in the report, and it says whether they add up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from slipline.components.artifacts import Evaluation, Examples, Shard, Split, TrainedModel
from slipline.components.validation.validate_settings import ValidateParams
from slipline.pipeline.report.sections.examples import source_rows
from slipline.pipeline.runners.execute import Status
from tests.pipeline.report.report_bench import (
    Bench,
    described,
    ingested,
    passed_run,
    prepared,
    record,
    source_of,
    trained,
    validated,
)

pytestmark = pytest.mark.slow  # real processes, or whole steps, for each test


def test_every_stage_has_a_line_and_they_add_up(bench: Bench, tmp_path: Path) -> None:
    passed_run(bench)
    page = bench.write(tmp_path / "report.html")
    assert "Every record is accounted for" in page.text
    assert "ingest 110 0 110 ✓ written: 60 train, 50 test" in page.text
    assert "compute_statistics 110 0 110 ✓ described: 60 train, 50 test" in page.text
    assert "validate 110 0 110 ✓ checked: none is wrong" in page.text
    assert "train 60 0 60 ✓ learnt from: train" in page.text
    assert "evaluate 50 0 50 ✓ predicted: test" in page.text


def test_records_that_are_missing_show_loudly(bench: Bench, tmp_path: Path) -> None:
    examples = ingested(bench)
    model = trained(bench, examples, validated(bench, examples, described(bench, examples)))
    assert isinstance(model.artifact, TrainedModel)
    bench.outcomes[-1] = replace(bench.outcomes[-1], made=replace(model, artifact=replace(model.artifact, records=57)))
    page = bench.write(tmp_path / "report.html")
    assert "Records are missing, or there are too many." in page.text
    assert "train 60 0 57 ✗ 3 missing" in page.text
    assert "Every record is accounted for" not in page.text


def test_a_slice_that_lost_records_shows_though_the_total_is_right(bench: Bench, tmp_path: Path) -> None:
    passed_run(bench)
    (number,) = (i for i, outcome in enumerate(bench.outcomes) if outcome.step == "evaluate")
    made = bench.outcomes[number].made
    assert made is not None
    assert isinstance(made.artifact, Evaluation)
    artifact = replace(made.artifact, slices=made.artifact.slices[1:])
    bench.outcomes[number] = replace(bench.outcomes[number], made=replace(made, artifact=artifact))
    assert "✗ its slices have 45 instead of 50" in bench.write(tmp_path / "report.html").text


def test_what_was_set_aside_is_counted_and_the_model_learns_from_the_rest(bench: Bench, tmp_path: Path) -> None:
    good = [record(number) for number in range(20)]
    source = source_of(tmp_path / "source", train=[*good[:3], b"\xffnot", *good[3:]], test=good)
    rest = prepared(bench, source, policy=ValidateParams(policy="set_aside", max_set_aside=0.5))
    trained(bench, bench.last("set_aside"), records=rest.split("train").records)
    page = bench.write(tmp_path / "report.html")
    assert "set_aside 41 1 40 ✓ kept: 20 train, 20 test" in page.text
    assert "train 20 0 20 ✓ learnt from: train" in page.text
    assert "Records 40 20 train, 20 test; 1 set aside" in page.text


def test_more_records_set_aside_than_broke_the_schema_show_loudly(bench: Bench, tmp_path: Path) -> None:
    good = [record(number) for number in range(20)]
    source = source_of(tmp_path / "source", train=[*good, b"\xffnot"], test=good)
    prepared(bench, source, policy=ValidateParams(policy="set_aside", max_set_aside=0.5))
    made = bench.last("set_aside")
    assert isinstance(made.artifact, Examples)
    (number,) = (at for at, outcome in enumerate(bench.outcomes) if outcome.step == "set_aside")
    train, test = made.artifact.splits
    fewer = replace(train, shards=(replace(train.shards[0], records=train.shards[0].records - 1), *train.shards[1:]))
    artifact = replace(made.artifact, splits=(fewer, test), set_aside=2)
    bench.outcomes[number] = replace(bench.outcomes[number], made=replace(made, artifact=artifact))
    page = bench.write(tmp_path / "report.html")
    assert "1 were to be set aside" in page.text
    assert "Every record is accounted for" not in page.text


def test_a_source_is_listed_once_with_its_files_records_and_shards(tmp_path: Path) -> None:
    for name in ("train-0", "train-1"):
        (tmp_path / f"{name}.sources.txt").write_text("".join(f"/photos/{name}-{n}.png\n" for n in range(3)))
    photos = tuple(Shard(file=f"train-{n}", records=3, source="/photos") for n in range(2))
    table = tuple(Shard(file=f"test-{n}", records=9, source="/a.csv", first=9 * n) for n in range(2))
    examples = Examples(path=tmp_path, splits=(Split(name="train", shards=photos), Split(name="test", shards=table)))
    assert source_rows(examples) == [
        ("train", "/photos", "6", "6", "2"),
        ("test", "/a.csv", "1", "18", "2"),
    ]


def test_a_run_without_examples_has_no_such_section(bench: Bench, tmp_path: Path) -> None:
    bench.not_done("ingest", Status.FAILED, "ingest: nothing there")
    assert 'id="records"' not in bench.write(tmp_path / "report.html").html
