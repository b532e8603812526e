"""The report's figures, as SVG to be put into the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipline.pipeline.app.report_figures import PAGE_COLOURS, accuracy_figure, label_counts_figure, loss_figure

FIGURES: dict[str, Callable[[str], str]] = {
    "labels": lambda identity: label_counts_figure(identity, ["cat", "dog"], [1200, 7]),
    "loss": lambda identity: loss_figure(identity, [0.5, 0.25, 0.125]),
    "accuracy": lambda identity: accuracy_figure(identity, [0.9, 0.95, 0.97]),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_one_svg_element_in_the_colours_of_the_page(name: str) -> None:
    svg = FIGURES[name]("a")
    assert ElementTree.fromstring(svg).attrib["role"] == "img"
    assert "://" not in svg
    assert "var(--accent)" in svg
    assert not any(stand_in in svg for stand_in in PAGE_COLOURS)


@pytest.mark.parametrize("name", FIGURES)
def test_two_figures_on_a_page_share_no_id(name: str) -> None:
    ids = [set(re.findall(r'\bid="([^"]*)"', FIGURES[name](identity))) for identity in ("a", "b")]
    assert ids[0]
    assert not ids[0] & ids[1]


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_numbers_give_the_same_figure(name: str) -> None:
    assert FIGURES[name]("a") == FIGURES[name]("a")


def test_bars_are_labelled_with_name_and_number_as_text() -> None:
    texts = [element.text for element in ElementTree.fromstring(FIGURES["labels"]("a")).iter("text")]
    assert texts == ["cat", "dog", "1,200", "7"]


def test_a_split_without_records_still_has_its_figure() -> None:
    assert 'aria-label="Records by label: 0: 0, 1: 0"' in label_counts_figure("a", ["0", "1"], [0, 0])


def test_a_curve_of_a_hundred_epochs_has_few_ticks_and_none_at_zero() -> None:
    svg = loss_figure("a", [1 / epoch for epoch in range(1, 121)])
    ticks = [element.text for element in ElementTree.fromstring(svg).iter("text")]
    assert "20" in ticks
    assert "0" not in ticks
    assert len(ticks) < 16


@settings(max_examples=15)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=30), min_size=1))
def test_any_class_name_can_be_drawn(names: list[str]) -> None:
    svg = label_counts_figure("a", names[:5], [3] * len(names[:5]))
    assert ElementTree.fromstring(svg).tag == "svg"
