"""What steps hand to each other: a folder written once, and a frozen record of facts about it."""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A folder (or one file) that is never changed once its step is committed.

    Attributes:
      path: Where it lies. No part of its identity: a home that moved holds the same artifacts.
    """

    path: Path

    def words(self) -> str:
        """What matters of it in a few words, such as `70,000 records`; empty if its class says it all."""
        return ""

    def notes(self) -> tuple[str, ...]:
        """What a person should hear of it at the end of a run although it stopped nothing, a line each."""
        return ()


A = TypeVar("A", bound=Artifact)


@dataclass(frozen=True, kw_only=True)
class Verdict(Artifact):
    """An artifact that opens or closes a gate.

    Attributes:
      passed: Whether the steps behind the gate may run.
      reasons: If not, one sentence for each failed check: what was measured, and the limit.
    """

    passed: bool
    reasons: tuple[str, ...] = ()

    def words(self) -> str:
        """Whether it passed."""
        return "passed" if self.passed else "did not pass"


@dataclass(frozen=True, kw_only=True)
class StepOutcome:
    """How one step of a run ended.

    Attributes:
      step: Its name.
      status: `done`, `cached`, `blocked`, `skipped`, `failed` or `not needed`.
      seconds: Wall time.
      message: Why it did not run, or failed, or what its verdict says; empty otherwise.
    """

    step: str
    status: str
    seconds: float
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class RunOutcome(Artifact):
    """How a run ended, for the step that runs whatever happened. Its folder holds `outcome.json`.

    Attributes:
      passed: Whether the run passed.
      run_id: Its id.
      steps: In run order.
    """

    passed: bool
    run_id: str
    steps: tuple[StepOutcome, ...]


def class_name(kind: type[Artifact]) -> str:
    """Where a class of artifacts is found again: `module:qualified.name`."""
    return f"{kind.__module__}:{kind.__qualname__}"


def find_class(name: str, declared: type[A]) -> type[A] | None:
    """The class of that `class_name`, if it still is `declared` or a class made from it; None otherwise."""
    try:
        found: object = pkgutil.resolve_name(name)
    except (ImportError, AttributeError, ValueError):
        return None
    return found if isinstance(found, type) and issubclass(found, declared) else None
