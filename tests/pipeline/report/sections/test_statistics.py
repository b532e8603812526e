"""The report has a line for each feature and split, whatever the features are."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from slipline.pipeline.runners.execute import Status
from tests.pipeline.report.report_bench import Bench, Page, prepared, record, source_of

pytestmark = pytest.mark.slow  # real processes, or whole steps, for each test

TABLE_SCHEMA = """
feature { name: "price" type: FLOAT }
feature { name: "colour" type: BYTES }
feature { name: "label" type: INT }
"""


def statistics(page: Page) -> Page:
    return Page(page.section("statistics") + "</section>")


def table(folder: Path, rows: int = 20) -> Path:
    (folder / "train").mkdir(parents=True)
    with (folder / "train" / "wine.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["price", "colour", "label"])
        writer.writerows([number + 0.5, "red" if number % 4 else "white", number % 2] for number in range(rows))
    return folder


def test_images_are_told_with_size_mode_and_pixels_and_labels_with_quantiles(bench: Bench, tmp_path: Path) -> None:
    prepared(bench, source_of(tmp_path / "source", train=[record(n) for n in range(20)], test=[record(50)]))
    text = statistics(bench.write(tmp_path / "report.html")).text
    assert "image train 20 0 0 20 9.5 5.77" in text
    assert "28 x 28 x 1; L (20)" in text
    assert "label train int 20 0 4.5 2.872 0 0 " in text
    assert "label test int 1 0 0 0 0 0 0 0 0 1 1 0" in text


def test_slices_are_told_with_their_share_and_mean(bench: Bench, tmp_path: Path) -> None:
    prepared(bench, source_of(tmp_path / "source", train=[record(n) for n in range(20)]))
    page = statistics(bench.write(tmp_path / "report.html"))
    assert "train by label label Records Share Pixel mean of image 0 2 10.00 % 5 1 2 10.00 % 6" in page.text
    assert len(page.all("details")) == 1


def test_a_table_without_images_has_its_report_though_training_cannot_use_it(bench: Bench, tmp_path: Path) -> None:
    schema = tmp_path / "wine.pbtxt"
    schema.write_text(TABLE_SCHEMA)
    prepared(bench, table(tmp_path / "source"), schema=schema)
    bench.not_done("train", Status.FAILED, "train: wine.pbtxt: wanted exactly one image feature")
    page = bench.write(tmp_path / "report.html")
    told = statistics(page).text
    assert "wanted exactly one image feature" in page.text
    assert "price train float 20 0 10 5.766 0.5 " in told
    assert "colour train 20 0 2 3.5 red (15), white (5)" in told
    assert "train by label label Records Share Mean price 0 10 50.00 % 9.5 1 10 50.00 % 10.5" in told
    assert [each["id"] for each in page.all("section")] == [
        *("steps", "records", "data", "statistics", "checks", "what-went-in")
    ]
    assert page.open == []
