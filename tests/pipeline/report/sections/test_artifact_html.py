"""An artifact shows itself, as in a notebook, from nothing but its own folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipline.components.artifacts import Schema
from slipline.pipeline.report.sections.by_class import artifact_html
from tests.pipeline.report.own_artifacts import Balance, Prices
from tests.pipeline.report.report_bench import Bench, Page, passed_run

SHOWN = {
    "ingest": ("Samples of train", "3 sources", "mnist-train.tfrecord"),
    "compute_statistics": ("Images", "Numbers", "in train too"),
    "validate": ("None found in 110 records.",),
    "train": ("Loss, nats per example", "Epoch by epoch", "90.00 %"),
    "evaluate": ("Accuracy 98.00 %", "Confusion matrix", "Calibration", "1 answer wrong"),
    "infra_validate": ("requests 32",),
    "push": ("model mnist", "version 1"),
}


def test_every_artifact_is_one_fragment_that_needs_nothing_beside_it(bench: Bench) -> None:
    passed_run(bench)
    for outcome in bench.outcomes:
        assert outcome.made is not None
        page = Page(artifact_html(outcome.made.artifact))
        assert page.open == []
        assert page.tags[0] == ("div", {"class": "slipline"})
        assert not page.all("script")
        assert "://" not in page.html
        for words in SHOWN.get(outcome.step, ()):
            assert words in page.text, outcome.step


def test_the_looks_of_a_fragment_end_with_it() -> None:
    html = artifact_html(Prices(path=Path("somewhere")))
    style = html[html.index("<style>") + 7 : html.index("</style>")]
    assert style.startswith(".slipline {")
    assert ":root" not in style.partition("*/")[2]
    assert style.count("{") == style.count("}")
    assert "body {" not in style


@pytest.mark.parametrize(
    ("artifact", "words"),
    [
        (Balance(path=Path("somewhere"), passed=True, largest_share=0.5), "Balance passed True"),
        (Schema(path=Path("some<where>")), "Schema some<where>"),
    ],
)
def test_one_that_has_no_section_is_shown_by_its_facts_or_its_place(artifact: Balance | Schema, words: str) -> None:
    assert words in Page(artifact_html(artifact)).text
