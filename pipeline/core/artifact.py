"""What steps hand to each other: a folder written once, and a frozen record of facts about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A folder (or one file) that is never changed once its step is committed.

    Attributes:
      path: Where it lies. No part of its identity: a home that moved holds the same artifacts.
    """

    path: Path


@dataclass(frozen=True, kw_only=True)
class Verdict(Artifact):
    """An artifact that opens or closes a gate.

    Attributes:
      passed: Whether the steps behind the gate may run.
      reasons: If not, one sentence for each failed check: what was measured, and the limit.
    """

    passed: bool
    reasons: tuple[str, ...] = ()
