"""A page of sections, as one HTML file that needs nothing beside it; or one section alone."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any, Literal

from slipline.pipeline.core.visible import visible
from slipline.pipeline.report.kit.figures import in_tags
from slipline.pipeline.report.kit.section import Cell, KeyNumber, Section


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why something did not come to its end: what happened in one sentence, and each reason."""

    title: str
    reasons: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page.

    Attributes:
      title: In the title bar.
      heading: On top.
      below: What it is about.
      verdict: The colour of what follows.
      headline: What came out, in one sentence.
      standing: What else there is to say of that; empty for nothing.
      problems: Shown before anything else.
      remarks: Lines after them.
      numbers: The few that a person looks for first.
      sections: In their order.
    """

    title: str
    heading: str
    below: str = ""
    verdict: Literal["passed", "blocked", "failed"] = "passed"
    headline: str = ""
    standing: str = ""
    problems: Sequence[Problem] = ()
    remarks: Sequence[str] = ()
    numbers: Sequence[KeyNumber] = ()
    sections: Sequence[Section] = ()


def page_html(page: Page) -> str:
    """The page as HTML."""
    template = _environment().get_template("page.html.j2")
    html: str = template.render(page=page, sections=_with_ids(page.sections), placed=_placing())
    return _shown(html)


def section_html(section: Section) -> str:
    """A section alone, as a fragment of HTML that brings its looks with it and leaves the rest of a page alone."""
    from markupsafe import Markup

    environment = _environment()
    style, *_ = environment.loader.get_source(environment, "report.css")
    template = environment.get_template("fragment.html.j2")
    html: str = template.render(section=section, style=Markup(style.replace(":root", "&")), placed=_placing())
    return _shown(html)


def _shown(html: str) -> str:
    """With control characters, and what stands for no character, written out."""
    return visible(html, keep="\n\t\r")


@cache
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("slipline.pipeline.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind"] = lambda part: type(part).__name__
    environment.filters["cell"] = lambda value: value if isinstance(value, Cell) else Cell(str(value))
    environment.filters["head"] = lambda column: column if isinstance(column, str) else column.head
    environment.filters["column_kind"] = lambda column: "text" if isinstance(column, str) else column.kind
    return environment


def _with_ids(sections: Sequence[Section]) -> list[tuple[str, Section]]:
    """Each with an id of its own, made from its title."""
    found: dict[str, Section] = {}
    for section in sections:
        start = re.sub(r"[^a-z0-9]+", "-", section.title.lower()).strip("-") or "section"
        identity = next(each for n in count(1) if (each := start if n == 1 else f"{start}-{n}") not in found)
        found[identity] = section
    return list(found.items())


def _placing() -> Callable[[str], str]:
    """What puts figures on one page, so that no two share an id; one that was not drawn here becomes an image."""
    from markupsafe import Markup

    numbers = count(1)

    def placed(svg: str) -> str:
        if not isinstance(svg, Markup):
            source = b64encode(str(svg).encode("utf-8", "replace")).decode()
            return Markup('<img class="drawn" alt="" src="data:image/svg+xml;base64,{}">').format(source)
        own = f"f{hashlib.sha256(svg.encode()).hexdigest()[:8]}-{next(numbers)}"
        return Markup(in_tags(svg, lambda tag: re.sub(r'(\bid="|href="#|url\(#)', rf"\1{own}-", tag)))

    return placed
