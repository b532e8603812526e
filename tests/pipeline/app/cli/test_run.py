"""`slipline run` says what was set aside, and nothing of it otherwise."""

from __future__ import annotations

from pathlib import Path

from slipline.components.validation.validate_settings import ValidateParams
from slipline.pipeline.app.cli.run import set_aside_words
from tests.pipeline.app.report_bench import Bench, prepared, record, source_of

GOOD = [record(number) for number in range(20)]
HALF = ValidateParams(policy="set_aside", max_set_aside=0.5)


def test_what_was_set_aside_is_said_with_the_file_that_lists_it(bench: Bench, tmp_path: Path) -> None:
    prepared(bench, source_of(tmp_path / "source", train=[*GOOD, b"\xffnot"]), policy=HALF)
    words = set_aside_words(bench.report)
    listing = Path(words.removeprefix("set aside 1 of 21 records, see "))
    assert listing.name == "offenders.csv"
    assert "train.tfrecord record 20" in listing.read_text()


def test_nothing_is_said_where_all_records_went_on(bench: Bench, tmp_path: Path) -> None:
    prepared(bench, source_of(tmp_path / "source", train=GOOD), policy=HALF)
    assert set_aside_words(bench.report) == ""
