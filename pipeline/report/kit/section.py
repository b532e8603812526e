"""The contents of a section of a report: plain records that a page lays out. All text is shown as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Tone: TypeAlias = Literal["", "accent", "quiet", "lead", "good", "warn", "bad"]


@dataclass(frozen=True)
class Text:
    """A paragraph.

    Attributes:
      text: What it says.
      tone: How it looks.
      mark: Words before it that alone have the tone.
    """

    text: str
    tone: Tone = ""
    mark: str = ""


@dataclass(frozen=True)
class Heading:
    """A heading within the section."""

    text: str


@dataclass(frozen=True)
class Reasons:
    """A list, a line for each."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
      head: Its head.
      kind: What its cells hold: `number`s stand right, `long` text is broken, a `bar` is drawn of each cell's share.
    """

    head: str
    kind: Literal["text", "number", "long", "bar", "code"] = "text"


def number(head: str) -> Column:
    """A column of numbers."""
    return Column(head, "number")


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
      text: What it says.
      tone: How it looks.
      below: A second line in small print.
      title: What it says in full where the pointer rests on it.
      share: Of the column's width, in 0..1, in a column of bars.
    """

    text: str = ""
    tone: Tone = ""
    below: str = ""
    title: str = ""
    share: float | None = None


Row: TypeAlias = Sequence["Cell | str"]
Columns: TypeAlias = Sequence["Column | str"]


@dataclass(frozen=True)
class Table:
    """A table; the first cell of a row names it.

    Attributes:
      columns: Their heads; a plain string is the head of a column of text.
      rows: As many cells as there are columns.
      caption: What is shown, and how to read it.
      look: `compact` is no wider than it must be, `small` is for many columns.
    """

    columns: Columns
    rows: Sequence[Row]
    caption: str = ""
    look: Literal["", "compact", "small"] = ""


@dataclass(frozen=True)
class Matrix:
    """How often each was taken for each; the row is the truth.

    Attributes:
      names: Of rows and columns.
      rows: For each row the text, the title and the tint, in 0..1, of each cell; those on the diagonal are right.
      caption: How to read it.
    """

    names: Sequence[str]
    rows: Sequence[Sequence[tuple[str, str, float]]]
    caption: str


@dataclass(frozen=True)
class Figure:
    """A figure.

    Attributes:
      title: What is shown.
      svg: An `<svg>` element; one that `kit.figures` drew follows the colours of the page, others are shown as images.
    """

    title: str
    svg: str


@dataclass(frozen=True)
class Figures:
    """Figures beside each other, as far as there is room."""

    figures: Sequence[Figure]


@dataclass(frozen=True)
class Picture:
    """Some images of one kind, with a caption.

    Attributes:
      uris: `data:` URIs; None stands for an image that cannot be read.
      what: What is to be seen, for who cannot.
      lines: Below or beside them.
      where: In small print below that.
      title: The same in full where the pointer rests on it.
    """

    uris: Sequence[str | None]
    what: str
    lines: Sequence[str]
    where: str = ""
    title: str = ""


@dataclass(frozen=True)
class Pictures:
    """Pictures in rows; `beside` sets the captions beside them."""

    pictures: Sequence[Picture]
    beside: bool = False


@dataclass(frozen=True)
class Facts:
    """Names and what is so of them."""

    facts: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Folded:
    """Parts that unfold."""

    summary: str
    parts: Sequence[Part]
    is_open: bool = False


@dataclass(frozen=True)
class Beside:
    """Two columns, where there is room."""

    left: Sequence[Part]
    right: Sequence[Part]


Part: TypeAlias = "Text | Heading | Reasons | Table | Matrix | Figure | Figures | Pictures | Facts | Folded | Beside"


@dataclass(frozen=True)
class KeyNumber:
    """One of the few numbers that a person looks for first.

    Attributes:
      name: What was measured.
      value: The number, with its unit.
      note: What to hold it against.
      is_bad: Whether it is beyond its limit.
    """

    name: str
    value: str
    note: str = ""
    is_bad: bool = False


@dataclass(frozen=True)
class Section:
    """A section.

    Attributes:
      title: Its heading.
      parts: In their order.
      numbers: Key numbers, shown on top of the page.
    """

    title: str
    parts: Sequence[Part] = ()
    numbers: Sequence[KeyNumber] = field(default=())
