"""Reads a guide: its fenced blocks, its code spans and its links."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.small_mnist import ROOT

GUIDES = (
    "README.md",
    "pipeline/README.md",
    "components/README.md",
    "serving/README.md",
    "infra/README.md",
    "infra/flink/README.md",
    "data/README.md",
)

NEEDS: Mapping[str, str] = {
    "make": "the four original archives of MNIST",
    "curl": "the program curl; run where there is one",
    "docker": "a Docker engine, and images from a registry",
    "kubernetes": "a cluster",
    "flink": "Java, Maven and 120 MB of downloads; tests/end_to_end/test_flink.py runs it where they are",
    "machines": "several machines that see one folder",
    "network": "a download",
}
"""What a block may say behind its language that it needs: why it is not run."""

PROGRAMS = ("curl",)
"""Those needs that are met by a program of that name."""

RUN, SHOWN, WRITTEN, DRAWN = ("sh", "python"), ("text",), ("toml",), ("",)
"""The languages of blocks: commands and programs are run, output of the last is compared, files are written where the
first line names one, and drawings stand for themselves."""

_FENCE = re.compile(r"^(?P<fence>`{3,}|~{3,})[ ]*(?P<info>[^`\n]*)$")
_SPAN = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
      line: Of the guide, where its text begins, from 1.
      language: The first word behind the fence, or nothing.
      needs: What else stands there: what it needs that a machine may lack.
      text: Its lines.
    """

    line: int
    language: str
    needs: str
    text: str

    @property
    def file(self) -> str | None:
        """The file that its first line names in a comment; None if it names none."""
        found = re.match(r"# ([\w./-]+\.\w+)\n", self.text)
        return found[1] if found else None


@dataclass(frozen=True)
class Guide:
    """One guide.

    Attributes:
      name: Its path in the tree.
      text: All of it.
      blocks: Its fenced blocks, in order.
      prose: What stands outside of them.
    """

    name: str
    text: str
    blocks: tuple[Block, ...] = field(init=False)
    prose: str = field(init=False)

    def __post_init__(self) -> None:
        blocks, prose = [], []
        for part in _parts(self.text):
            blocks.append(part) if isinstance(part, Block) else prose.append(part)
        object.__setattr__(self, "blocks", tuple(blocks))
        object.__setattr__(self, "prose", "\n".join(prose))

    @property
    def folder(self) -> Path:
        """Where its relative links begin."""
        return (ROOT / self.name).parent

    @property
    def spans(self) -> tuple[str, ...]:
        """What stands in backquotes in its prose, on one line each."""
        return tuple(" ".join(span.split()) for span in _SPAN.findall(self.prose))

    @property
    def links(self) -> tuple[str, ...]:
        """The targets of its links."""
        return tuple(_LINK.findall(self.prose))

    @property
    def headings(self) -> tuple[str, ...]:
        """Its headings, as links name them."""
        titles = re.findall(r"^#+ (.+)$", self.prose, re.MULTILINE)
        return tuple(re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles)


def read_guide(name: str) -> Guide:
    """The guide at that path of the tree."""
    return Guide(name, (ROOT / name).read_text("utf-8"))


def _parts(text: str) -> Iterator[Block | str]:
    """The blocks, and the lines between them."""
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        opened = _FENCE.match(line)
        if not opened:
            yield line
            continue
        held = []
        for _, inner in lines:
            if inner.startswith(opened["fence"]) and not inner.strip("`~ "):
                break
            held.append(f"{inner}\n")
        else:
            raise ValueError(f"the block at line {number} has no end")
        language, _, needs = opened["info"].strip().partition(" ")
        yield Block(number + 1, language, needs.strip(), "".join(held))
