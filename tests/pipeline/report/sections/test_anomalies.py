"""The report says what the checks of the data found: offenders, copies, skew and drift."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from slipline.components.artifacts import Anomalies, Statistics
from slipline.components.examples.example_records import encode_example
from slipline.components.validation.validate_settings import ValidateParams
from slipline.pipeline.report.kit.pictures import picture_in
from tests.pipeline.report.report_bench import Bench, Page, png, prepared, record, source_of

pytestmark = pytest.mark.slow  # real processes, or whole steps, for each test

HALF = ValidateParams(policy="set_aside", max_set_aside=0.5)


def small() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.zeros((27, 28), np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def checks(page: Page) -> Page:
    return Page(page.section("checks") + "</section>")


def copies(page: Page) -> str:
    """What the report says of records that stand twice."""
    return Page(page.section("statistics") + "</section>").text.partition("Duplicates and leaks")[2]


def different(start: int) -> list[bytes]:
    return [record(number) for number in range(start, start + 20)]


def test_what_was_set_aside_is_told_with_reasons_files_and_the_images_that_decode(bench: Bench, tmp_path: Path) -> None:
    bad = [encode_example(small(), 3), encode_example(png(9)[:60], 3), b"\xffnot", encode_example(png(9), 11)]
    prepared(bench, source_of(tmp_path / "source", train=[*different(0), *bad]), policy=HALF)
    page = checks(bench.write(tmp_path / "report.html"))
    anomalies = bench.outcomes[3].made
    assert anomalies is not None
    assert isinstance(anomalies.artifact, Anomalies)
    assert "4 of 24 records were set aside because they break the schema; the rest went on." in page.text
    assert all(remark in page.text for remark in anomalies.artifact.remarks)
    assert str(anomalies.artifact.path / "offenders.csv") in page.text
    assert str(anomalies.artifact.path / "offenders.tfrecord") in page.text
    assert len(page.all("img")) == 2
    assert "image wanted 28 x 28 x 1 pixels, got 27 x 28 x 1 train: train.tfrecord record 20" in page.text
    assert "label wanted 0 to 9, got 11 train: train.tfrecord record 23" in page.text


def test_offenders_that_stop_the_run_are_shown_alike(bench: Bench, tmp_path: Path) -> None:
    prepared(bench, source_of(tmp_path / "source", train=[*different(0), encode_example(small(), 3)]))
    page = checks(bench.write(tmp_path / "report.html"))
    assert "1 of 21 records breaks the schema." in page.text
    assert len(page.all("img")) == 1


def test_copies_and_leaks_are_counted_with_the_first_places(bench: Bench, tmp_path: Path) -> None:
    train, test = different(0), different(30)
    prepared(bench, source_of(tmp_path / "source", train=[*train, train[4]], test=[*test, train[7], train[8]]))
    text = copies(bench.write(tmp_path / "report.html"))
    assert "train again in the split 1 4.76 % train.tfrecord record 20 as train.tfrecord record 4" in text
    assert "test in train too 2 9.09 % test.tfrecord record 20 as train.tfrecord record 7; test" in text
    assert "test again in the split 0 0.00 %" in text


def test_no_copies_no_earlier_run_and_nothing_wrong_are_said(bench: Bench, tmp_path: Path) -> None:
    prepared(bench, source_of(tmp_path / "source", train=different(0)))
    page = bench.write(tmp_path / "report.html")
    text = checks(page).text
    assert "None found in 20 records." in text
    assert "None found, neither within a split nor between splits." in copies(page)
    assert "Skew: nothing to measure" in text
    assert "Drift: no earlier run to compare with." in text


def test_each_distance_is_told_with_its_limit_and_what_against(bench: Bench, tmp_path: Path) -> None:
    prepared(bench, source_of(tmp_path / "old", train=different(0), test=different(30)))
    earlier = bench.outcomes[1].made
    assert earlier is not None
    assert isinstance(earlier.artifact, Statistics)
    bench.outcomes.clear()
    dark = [encode_example(png(250), number % 10) for number in range(20)]
    prepared(bench, source_of(tmp_path / "new", train=different(0), test=dark), baseline=earlier.artifact)
    text = checks(bench.write(tmp_path / "report.html")).text
    assert "image test train Jensen-Shannon divergence 1 0.01" in text
    assert "label test train largest difference of a share 0 0.0" in text
    assert "image train the run of yesterday Jensen-Shannon divergence 0 0.01" in text
    assert "test: image: wanted values distributed as in train" in text


def test_only_an_image_that_decodes_is_a_picture() -> None:
    assert (picture_in(encode_example(png(9), 3)) or "").startswith("data:image/png;base64,")
    assert picture_in(encode_example(png(9)[:60], 3)) is None
    assert picture_in(encode_example(b"text", 3)) is None
    assert picture_in(b"\xffnot") is None
