"""Sections are found by the class of an artifact, and one of somebody's own brings its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipline.components.artifacts import Examples, InfraCheck, Schema, TrainedModel
from slipline.pipeline.core.visible import visible
from slipline.pipeline.report.products import Product
from slipline.pipeline.report.sections.by_class import SECTIONS, section_of
from slipline.pipeline.runners.execute import Status
from tests.pipeline.report.own_artifacts import HOSTILE, Balance, Broken, Prices
from tests.pipeline.report.report_bench import Bench, described, ingested, passed_run, trained, validated

HERE = Path("somewhere")


def test_the_page_is_the_same_whatever_the_steps_are_called(bench: Bench, tmp_path: Path) -> None:
    passed_run(bench)
    page = bench.write(tmp_path / "a.html")
    other = Bench(store=bench.store, run_id=bench.store.begin_run("mnist"), rename=lambda step: f"x{step}"[::-1])
    passed_run(other)
    renamed = other.write(tmp_path / "b.html")
    assert [each["id"] for each in renamed.all("section")] == [each["id"] for each in page.all("section")]
    assert len(renamed.all("img")) == len(page.all("img")) > 30
    assert len(renamed.all("svg")) == len(page.all("svg")) > 5
    assert "niartx 60 0 60 ✓ learnt from: train" in renamed.text


def test_of_several_of_a_class_each_has_its_section_named_by_the_step(bench: Bench, tmp_path: Path) -> None:
    examples = ingested(bench)
    described(bench, examples)
    bench.rename = lambda step: f"other_{step}"
    described(bench, examples)
    trained(bench, examples)
    page = bench.write(tmp_path / "report.html")
    assert [each["id"] for each in page.all("section")][2:5] == [
        *("data", "statistics-compute-statistics", "statistics-other-compute-statistics")
    ]
    assert "Statistics: other_compute_statistics" in page.text
    assert 'id="training"' in page.html


def test_an_artifact_of_ones_own_brings_a_section_and_its_text_does_no_harm(bench: Bench, tmp_path: Path) -> None:
    bench.done("ask", Prices(path=bench.folder("ask")))
    page = bench.write(tmp_path / "report.html")
    assert [each["id"] for each in page.all("section")] == ["steps", "prices", "what-went-in"]
    shown = visible(HOSTILE)
    assert f"Prices {shown} By town Town Mean {shown} 12.50 Bern [/x] Map" in page.text
    assert "Towns 2 of many" in page.text
    assert not page.all("script")
    assert not page.all("svg")
    (image,) = page.all("img")
    assert (image["src"] or "").startswith("data:image/svg+xml;base64,")


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("raises", "Broken cannot be shown. LookupError: no prices"),
        ("leaves", "Broken cannot be shown. SystemExit: 0"),
        ("text", "TypeError: wanted a Section of its report_section(), got str"),
        ("no rows", "TypeError: "),
    ],
)
def test_a_section_that_cannot_be_shown_says_why_and_the_others_are_there(
    bench: Bench, tmp_path: Path, how: str, told: str
) -> None:
    bench.done("ask", Broken(path=bench.folder("ask"), how=how))
    bench.done("look", Prices(path=bench.folder("look")))
    page = bench.write(tmp_path / "report.html")
    assert "Broken cannot be shown." in page.text
    assert told in page.text
    assert 'id="prices"' in page.html


def test_one_of_ours_whose_files_are_not_there_leaves_the_page_whole(bench: Bench, tmp_path: Path) -> None:
    model = TrainedModel(path=bench.folder("train"), records=1, parameters=1, loss=1, accuracy=1)
    bench.done("train", model)
    page = bench.write(tmp_path / "report.html")
    assert "TrainedModel cannot be shown. FileNotFoundError: " in page.text
    assert page.open == []


def test_a_class_that_nobody_knows_is_shown_by_its_facts_and_a_closed_gate_at_the_top(
    bench: Bench, tmp_path: Path
) -> None:
    balance = Balance(
        path=bench.folder("check"), passed=False, reasons=("share of <7> is 0.5",), largest_share=0.5, note="x" * 999
    )
    bench.done("check_balance", balance)
    page = bench.write(tmp_path / "report.html")
    assert page.text.index("Gate check_balance is closed. share of <7> is 0.5") < page.text.index("In run order")
    assert "check_balance did not pass; nothing was released." in page.text
    section = page.section("balance")
    assert "<dt>largest_share</dt><dd>0.5</dd>" in section
    assert f"<dd>{'x' * 299}…</dd>" in section
    assert "<dt>path</dt>" not in section
    assert 'class="bad"' in page.section("steps") or "long bad" in page.section("steps")


def test_a_subclass_is_shown_as_its_class_is_and_what_the_steps_tell_needs_no_section() -> None:
    class Mine(Examples):
        """Examples of one's own."""

    product = Product(artifact=Mine(path=HERE, splits=()))
    assert SECTIONS[Examples](Product(artifact=Examples(path=HERE, splits=())), ()) == section_of(product)
    assert section_of(Product(artifact=Schema(path=HERE))) is None
    assert section_of(Product(artifact=InfraCheck(path=HERE, passed=True, requests=3))) is None


def test_a_step_that_was_not_needed_is_no_trouble(bench: Bench, tmp_path: Path) -> None:
    validated(bench, ingested(bench))
    bench.not_done("mend", Status.NOT_NEEDED, "as validate passed")
    page = bench.write(tmp_path / "report.html")
    assert "Every step was done." in page.text
    assert "mend not needed as validate passed" in page.text
