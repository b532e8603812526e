"""How a run went: for whoever started it, and for the step that runs at its end."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from slipline.pipeline.core.artifact import Artifact, RunOutcome, StepOutcome
from slipline.pipeline.core.visible import told
from slipline.pipeline.runners.execute import Outcome, Status
from slipline.pipeline.store.store import Committed

A = TypeVar("A", bound=Artifact)


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """How a run went.

    Attributes:
      run_id: Its id in the store.
      outcomes: Of each step, in the pipeline's order; steps behind one that failed are SKIPPED.
      seconds: Wall time.
      log_path: What the steps and their frameworks wrote; absent if all was cached.
    """

    run_id: str
    outcomes: tuple[Outcome, ...]
    seconds: float
    log_path: Path

    @property
    def passed(self) -> bool:
        """Whether every step was done, now or earlier, or not needed, and every verdict among them passed."""
        return has_passed(self.outcomes)

    @property
    def closed(self) -> tuple[Outcome, ...]:
        """The steps whose own verdict did not pass, whether or not another waited for it."""
        return tuple(outcome for outcome in self.outcomes if outcome.closed)

    @property
    def all_cached(self) -> bool:
        """Whether no component was called."""
        return all(outcome.status in (Status.CACHED, Status.NOT_NEEDED) for outcome in self.outcomes)

    def made(self, step: str) -> Committed | None:
        """What the step of that name made, now or earlier; None if it did not run."""
        return next((outcome.made for outcome in self.outcomes if outcome.step == step), None)

    def last(self, kind: type[A]) -> A | None:
        """The last artifact of that class that the run made or found; None if there is none."""
        made = (each.made.artifact for each in reversed(self.outcomes) if each.made)
        return next((artifact for artifact in made if isinstance(artifact, kind)), None)


def has_passed(outcomes: Iterable[Outcome]) -> bool:
    """Whether a run with these outcomes passed."""
    return all(outcome.passed for outcome in outcomes)


def words_of(outcome: Outcome) -> str:
    """Why a step did not run, failed, or holds the run back, a line for each reason; empty otherwise."""
    if verdict := outcome.closed:
        return told("\n".join(verdict.reasons or ("did not pass",)))
    return outcome.message


def write_outcome(run_id: str, outcomes: Sequence[Outcome], folder: Path) -> RunOutcome:
    """How the run went so far, as the artifact that the step at its end takes; `folder` is made for it."""
    steps = tuple(
        StepOutcome(step=each.step, status=each.status.value, seconds=each.seconds, message=words_of(each))
        for each in outcomes
    )
    outcome = RunOutcome(path=folder, passed=has_passed(outcomes), run_id=run_id, steps=steps)
    folder.mkdir(parents=True)
    plain = {"run_id": run_id, "passed": outcome.passed, "steps": [asdict(step) for step in steps]}
    (folder / "outcome.json").write_text(json.dumps(plain, indent=1), "utf-8")
    return outcome
