"""The artifacts of a run that the report is drawn from."""

from __future__ import annotations

from typing import TypeVar

from slipline.components.artifacts import Examples
from slipline.pipeline.core.artifact import Artifact
from slipline.pipeline.runners.local import RunReport

A = TypeVar("A", bound=Artifact)


def made_of(run: RunReport, kind: type[A]) -> A | None:
    """The first artifact of class `kind` that the run made or found; None if it came to none."""
    made = (outcome.made.artifact for outcome in run.outcomes if outcome.made is not None)
    return next((artifact for artifact in made if isinstance(artifact, kind)), None)


def made_by(run: RunReport, step: str, kind: type[A]) -> A | None:
    """The artifact of class `kind` that the step of that name made or found; None if there is none."""
    made = run.made(step)
    return made.artifact if made is not None and isinstance(made.artifact, kind) else None


def learnt_from(run: RunReport) -> Examples | None:
    """The examples behind the gate: what is left of those brought in if bad ones were set aside."""
    return made_by(run, "set_aside", Examples) or made_of(run, Examples)
