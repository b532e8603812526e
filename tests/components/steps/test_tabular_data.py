"""Tables go the way that images go: ingest, statistics, schema, validation."""

from __future__ import annotations

import pytest

from slipline.components.features.schema_io import read_schema
from slipline.components.statistics.statistics_io import split_statistics
from slipline.components.steps.infer_schema import infer_schema
from tests.small_wine import COLUMNS, wines, write_csv, write_parquet

pytestmark = pytest.mark.slow  # each runs Beam several times


def schema_of(plane, *, write=write_csv, suffix="csv"):
    """The schema that good wines suggest, after a run of their own."""
    for split, seed in (("train", 1), ("test", 2)):
        write(plane.source / split / f"wine.{suffix}", wines(100, seed))
    statistics = plane.statistics(plane.ingest("train", "test"))
    return statistics, infer_schema(statistics, plane.out("schema"))


@pytest.mark.parametrize(("write", "suffix"), [(write_csv, "csv"), (write_parquet, "parquet")])
def test_statistics_count_every_wine_and_every_missing_cell(plane, write, suffix):
    statistics, _ = schema_of(plane, write=write, suffix=suffix)
    train = split_statistics(statistics)["train"]
    features = {feature.name: feature for feature in train.features}
    assert train.num_examples == 100
    assert set(COLUMNS) <= set(features)
    assert features["quality"].num_stats.common_stats.num_non_missing == 100
    assert features["sugar"].num_stats.common_stats.num_non_missing == sum(w.sugar is not None for w in wines(100))
    assert features["grape"].string_stats.common_stats.num_non_missing == sum(w.grape is not None for w in wines(100))


def test_the_schema_inferred_names_every_column_with_its_kind(plane):
    _, schema = schema_of(plane)
    kinds = {feature.name: feature.type for feature in read_schema(schema).feature}
    assert kinds == {"quality": 2, "alcohol": 3, "sugar": 3, "colour": 1, "grape": 1}  # INT 2, FLOAT 3, BYTES 1


def test_good_wines_pass_the_schema_they_suggest(plane, tmp_path):
    _, schema = schema_of(plane)
    again = type(plane)(tmp_path / "again")
    for split, seed in (("train", 1), ("test", 2)):
        write_csv(again.source / split / "wine.csv", wines(100, seed))
    verdict = again.validate(again.ingest("train", "test"), schema)
    assert verdict.passed, verdict.reasons
    assert verdict.records == 200


def test_a_wine_whose_quality_is_a_word_fails_and_is_named_with_its_file_and_row(plane, tmp_path):
    _, schema = schema_of(plane)
    again = type(plane)(tmp_path / "again")
    for split, seed in (("train", 1), ("test", 2)):
        file = write_csv(again.source / split / "wine.csv", wines(100, seed))
    lines = file.read_text("utf-8").splitlines()
    lines[8] = "good" + lines[8][lines[8].index(",") :]
    file.write_text("\n".join(lines) + "\n", "utf-8")
    verdict = again.validate(again.ingest("train", "test"), schema)
    assert not verdict.passed
    assert verdict.offending == 1
    assert any("quality" in reason and "test/wine.csv record 7" in reason for reason in verdict.reasons), (
        verdict.reasons
    )
