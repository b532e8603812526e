"""The report's figures, as SVG to be put into the page."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipline.pipeline.report.kit.figures import (
    PAGE_COLOURS,
    epochs_figure,
    label_counts_figure,
)
from slipline.pipeline.report.kit.format import percent, shortened

FIGURES: dict[str, Callable[[], str]] = {
    "labels": lambda: label_counts_figure(["cat", "dog"], [1200, 7]),
    "loss": lambda: epochs_figure("Loss", [0.5, 0.25, 0.125]),
    "accuracy": lambda: epochs_figure("Accuracy", [0.9, 0.95, 0.97], written=percent),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_one_svg_element_in_the_colours_of_the_page(name: str) -> None:
    svg = FIGURES[name]()
    assert ElementTree.fromstring(svg).attrib["role"] == "img"
    assert "://" not in svg
    assert "var(--accent)" in svg
    assert not any(stand_in in svg for stand_in in PAGE_COLOURS)


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_numbers_give_the_same_figure(name: str) -> None:
    assert FIGURES[name]() == FIGURES[name]()


def test_bars_are_labelled_with_name_and_number_as_text() -> None:
    texts = [element.text for element in ElementTree.fromstring(FIGURES["labels"]()).iter("text")]
    assert texts == ["cat", "dog", "1,200", "7"]


def test_a_split_without_records_still_has_its_figure() -> None:
    assert 'aria-label="Records by label: 0: 0, 1: 0"' in label_counts_figure(["0", "1"], [0, 0])


def test_a_curve_of_a_hundred_epochs_has_few_ticks_and_none_at_zero() -> None:
    svg = epochs_figure("Loss", [1 / epoch for epoch in range(1, 121)])
    ticks = [element.text for element in ElementTree.fromstring(svg).iter("text")]
    assert "20" in ticks
    assert "0" not in ticks
    assert len(ticks) < 16


@settings(max_examples=15)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=30), min_size=1))
def test_any_class_name_can_be_drawn(names: list[str]) -> None:
    svg = label_counts_figure(names[:5], [3] * len(names[:5]))
    drawn = ElementTree.fromstring(svg)
    texts = [element.text or "" for element in drawn.iter("text")]
    assert [text for text in texts if text != "3"] == [shortened(name) for name in names[:5] if name not in ("", "3")]
    assert drawn.attrib["aria-label"] == f"Records by label: {', '.join(f'{name}: 3' for name in names[:5])}"
