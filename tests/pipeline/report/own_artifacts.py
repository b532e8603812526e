"""Artifacts of somebody's own."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from slipline.pipeline.core.artifact import Artifact, Verdict
from slipline.pipeline.report import Figure, KeyNumber, Section, Table, Text, number

HOSTILE = "<script>alert(1)</script>\x1b[31m"


@dataclass(frozen=True, kw_only=True)
class Prices(Artifact):
    """Brings a section."""

    title: str = "Prices"

    def report_section(self) -> Section:
        """One of everything, and what should do no harm."""
        table = Table(("Town", number("Mean")), [(HOSTILE, "12.50"), ("Bern", "[/x]")], "By town")
        svg = f"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'>{HOSTILE}</svg>"
        parts = (Text(HOSTILE), table, Figure("Map", svg))
        return Section(self.title, parts, (KeyNumber("Towns", "2", "of many"),))


@dataclass(frozen=True, kw_only=True)
class Broken(Artifact):
    """Brings no section, though it says so; `how` names the trouble."""

    how: str

    def report_section(self) -> object:
        """Fails."""
        if self.how == "raises":
            raise LookupError("no prices")
        if self.how == "leaves":
            sys.exit(0)
        return "a text" if self.how == "text" else Section("T", (Table(("a", "b"), None),))  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class Balance(Verdict):
    """A gate without a section."""

    largest_share: float
    note: str = ""
