"""A page, or a section alone: whole, and with every text as it is."""

from __future__ import annotations

import html as html_module
import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slipline.pipeline.core.visible import visible
from slipline.pipeline.report.kit.figures import label_counts_figure
from slipline.pipeline.report.kit.page import Page, Problem, page_html, section_html
from slipline.pipeline.report.kit.section import (
    Beside,
    Cell,
    Column,
    Facts,
    Figure,
    Figures,
    Folded,
    Heading,
    KeyNumber,
    Matrix,
    Picture,
    Pictures,
    Reasons,
    Section,
    Table,
    Text,
    number,
)
from tests.pipeline.report.report_bench import Page as Parsed


class Values(HTMLParser):
    """Every piece of text and every value of an attribute on a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.texts.extend(value or "" for _, value in attrs)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def everything(text: str) -> Section:
    """A section with the text in each place of each part."""
    cell = Cell(text, below=text, title=text)
    columns = (text, number(text), Column(text, "long"), Column(text, "bar"), Column(text, "code"))
    table = Table(columns, [(text, cell, text, Cell(share=0.5), text)], text)
    parts = (
        *(Text(text), Text(text, "good", text), Heading(text), Reasons([text]), table, Facts([(text, text)])),
        Matrix([text, text], [[(text, text, 0.0)] * 2] * 2, text),
        Figure(text, f"<svg>{text}</svg>"),
        Figures([Figure(text, label_counts_figure(["a"], [1]))]),
        Pictures([Picture(["data:,", None], text, [text], text, text)]),
        Pictures([Picture(["data:,"], text, [text])], beside=True),
    )
    return Section(text, (*parts, Folded(text, parts[:2]), Beside(parts[:1], parts[1:2])), (KeyNumber(*[text] * 3),))


def occurrences(html: str, text: str) -> int:
    return sum(each.count(text) for each in Values(html).texts)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=20).map(lambda t: f"§{t}§")
)
@example("§<script>alert(1)</script>§")
@example('§\' onload="x" <!-- ]]>§')
@example("§&lt;&amp;{{ 7 * 7 }}§")
@example("§\x1b[31m\u202e§")
def test_any_text_in_any_place_is_text_and_opens_no_tag(text: str) -> None:
    fragment, plain = section_html(everything(text)), section_html(everything("§plain§"))
    assert [tag for tag, _ in Parsed(fragment).tags] == [tag for tag, _ in Parsed(plain).tags]
    shown = visible(text, keep="\n\t")
    assert occurrences(fragment, shown) == occurrences(plain, "§plain§") > 40
    page = Page(
        title=text,
        heading=text,
        below=text,
        headline=text,
        standing=text,
        problems=[Problem(title=text, reasons=[text])],
        remarks=[text],
        numbers=[KeyNumber(text, text)],
        sections=[Section(text)],
    )
    assert occurrences(page_html(page), shown) == 12


def test_text_that_is_no_unicode_is_made_visible() -> None:
    html = page_html(Page(title="t", heading="a\udcffb"))
    assert "a\\udcffb" in html
    html.encode()


def test_sections_of_one_title_have_ids_of_their_own_and_links_to_them() -> None:
    sections = [Section(title) for title in ("Data", "Data", "Ä!", "§", "Data 2")]
    page = Parsed(page_html(Page(title="t", heading="h", sections=sections)))
    ids = [each["id"] for each in page.all("section")]
    assert ids == ["data", "data-2", "section", "section-2", "data-2-2"]
    assert [each["href"] for each in page.all("a")] == [f"#{identity}" for identity in ids]


def test_two_figures_on_a_page_share_no_id_though_they_are_alike() -> None:
    figure = Figure("twice", label_counts_figure(["url(#a)", "#010101"], [1, 2]))
    html = section_html(Section("s", (figure, figure)))
    ids = re.findall(r'\bid="([^"]*)"', html)
    assert len(ids) == len(set(ids)) > 4
    assert set(re.findall(r'(?:href="#|clip-path="url\(#)([^")]+)', html)) <= set(ids)
    labels = [each["aria-label"] for each in Parsed(html).all("svg")]
    assert labels == ["Records by label: url(#a): 1, #010101: 2"] * 2


def test_a_figure_that_was_not_drawn_here_is_an_image_that_can_run_nothing() -> None:
    html = section_html(Section("s", (Figure("mine", "<svg onload='alert(1)'/>"),)))
    assert "onload" not in html
    assert html_module.unescape(html).count("data:image/svg+xml;base64,") == 1


@pytest.mark.parametrize("look", ["", "compact", "small"])
def test_a_cell_has_the_kind_of_its_column_and_its_own_tone(look: str) -> None:
    table = Table(("Name", number("N"), Column("B", "bar")), [("a", Cell("0", "bad"), Cell(share=0.25))], "cap", look)  # type: ignore[arg-type]
    page = Parsed(section_html(Section("s", (table,))))
    assert page.all("td", class_="number bad none")
    assert page.all("th", scope="row")
    assert page.all("span", style="--share:0.250")
    assert [each.get("class") for each in page.all("table")] == [look or None]
