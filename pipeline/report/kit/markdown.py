"""A page as Markdown, for who reads it as text; figures and pictures are left out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from slipline.pipeline.core.visible import visible
from slipline.pipeline.report.kit.page import Page
from slipline.pipeline.report.kit.section import Cell, Column, Folded, Heading, Part, Reasons, Table, Text

_AS_ENTITY = str.maketrans({character: f"&#{ord(character)};" for character in "&<>|#~"})


def page_markdown(page: Page) -> str:
    """The page as Markdown."""
    lines = [f"# {plain(page.heading)}", "", plain(f"{page.headline} {page.below}"), ""]
    for section in page.sections:
        lines += [f"## {plain(section.title)}", ""]
        lines += [line for part in section.parts for line in _lines(part)]
    return "\n".join(lines).rstrip("\n") + "\n"


def plain(text: str) -> str:
    """Text that Markdown shows as it is, at the beginning of a line, within it or in the cell of a table."""
    text = visible(re.sub(r"[ \t\r\n]+", " ", text).strip(" "))
    text = re.sub(r"([\\`*_\[\]])", r"\\\1", text.translate(_AS_ENTITY))
    # What would begin a list, or underline a heading.
    return re.sub(r"^(\d*)([-+=.)])(?=[\s=-]|$)", lambda found: f"{found[1]}&#{ord(found[2])};", text)


def _lines(part: Part) -> Iterator[str]:
    if isinstance(part, Text):
        yield from (plain(f"{part.mark} {part.text}"), "")
    elif isinstance(part, Heading):
        yield from (f"### {plain(part.text)}", "")
    elif isinstance(part, Reasons):
        yield from (*(f"* {plain(line)}" for line in part.lines), "")
    elif isinstance(part, Table):
        yield from _table(part)
    elif isinstance(part, Folded):
        for each in part.parts:
            yield from _lines(each)


def _table(table: Table) -> Iterator[str]:
    columns = [column if isinstance(column, Column) else Column(column) for column in table.columns]
    yield _row([plain(column.head) for column in columns])
    yield "|" + "|".join("---:" if column.kind == "number" else "---" for column in columns) + "|"
    for row in table.rows:
        yield _row([_cell(cell, column) for cell, column in zip(row, columns, strict=True)])
    yield ""


def _cell(cell: Cell | str, column: Column) -> str:
    text, below = (cell.text, cell.below) if isinstance(cell, Cell) else (cell, "")
    if column.kind == "code":
        return f"`{text}`"
    return plain(f"{text} ({below})" if below else text)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
