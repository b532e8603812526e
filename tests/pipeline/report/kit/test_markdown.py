"""A page as Markdown: text is text, whatever stands in it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown import markdown
from markdown_it import MarkdownIt

from slipline.pipeline.core.visible import visible
from slipline.pipeline.report.kit.markdown import page_markdown, plain
from slipline.pipeline.report.kit.page import Page
from slipline.pipeline.report.kit.section import Cell, Column, Folded, Heading, Reasons, Section, Table, Text, number
from tests.pipeline.report.report_bench import Page as Parsed

READERS: dict[str, Callable[[str], str]] = {
    "Python-Markdown": lambda text: markdown(text, extensions=["tables"]),
    "CommonMark": lambda text: str(MarkdownIt("commonmark").enable("table").render(text)),
}
TEXTS = st.text(st.sampled_from("ab 1.)-+=*_`#~<>[]()|!&;\\:/\n\t\x1b\x02\x00é一")) | st.text(max_size=30)


def words(text: str) -> str:
    return " ".join(visible(re.sub(r"[ \t\r\n]+", " ", text)).split())


@pytest.mark.parametrize("reader", READERS)
@given(TEXTS)
@example("1. one")
@example("- minus")
@example("===")
@example("# head")
@example("    code")
@example("<b>bold</b> &amp; [x](http://y) ![z](w) **b** __b__ `c` ~~s~~ a|b \\")
def test_any_text_is_read_as_it_is_in_a_list_a_paragraph_a_heading_and_a_table(reader: str, text: str) -> None:
    parts = (Text(text), Reasons([text, text]), Heading(text), Table(("Head", "x"), [(text, "end")]))
    page = Parsed(READERS[reader](page_markdown(Page(title="", heading="top", sections=[Section("under", parts)]))))
    assert {tag for tag, _ in page.tags} <= {
        *("h1", "h2", "h3", "p", "ul", "li", "table", "thead", "tbody", "tr", "th", "td")
    }
    assert len(page.all("li")) == 2
    assert len(page.all("td")) == 2
    shown = words(text)
    assert words(page.text) == words(f"top under {shown} {shown} {shown} {shown} Head x {shown} end")


def test_tables_say_intervals_in_brackets_and_set_numbers_right() -> None:
    table = Table(
        ("Class", number("Recall"), Column("Digest", "code")), [("7", Cell("90 %", below="80 % to 95 %"), "abc")], "cap"
    )
    page = Page(title="t", heading="A_b", below="B.", headline="H.", sections=[Section("S", [Folded("f", [table])])])
    assert page_markdown(page).splitlines() == [
        "# A\\_b",
        "",
        "H. B.",
        "",
        "## S",
        "",
        "| Class | Recall | Digest |",
        "|---|---:|---|",
        "| 7 | 90 % (80 % to 95 %) | `abc` |",
    ]


def test_numbers_stay_readable() -> None:
    assert plain("90.00 % of -5") == "90.00 % of -5"
