"""What the report says of a run as a whole: its verdict, why it stopped, and each step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from slipline.components.artifacts import Release
from slipline.pipeline.report.kit.format import seconds
from slipline.pipeline.report.kit.page import Problem
from slipline.pipeline.report.kit.section import Cell, Column, Row, Section, Table, Tone, number
from slipline.pipeline.report.products import told
from slipline.pipeline.runners.execute import Outcome, Status
from slipline.pipeline.runners.plain_lines import LOOKS
from slipline.pipeline.runners.run_report import RunReport

TONES: dict[Status, Tone] = {
    Status.DONE: "good",
    Status.CACHED: "accent",
    Status.BLOCKED: "warn",
    Status.SKIPPED: "quiet",
    Status.FAILED: "bad",
    Status.NOT_NEEDED: "quiet",
}


def verdict_of(run: RunReport) -> Literal["passed", "blocked", "failed"]:
    """How the run ended: a failure weighs more than a closed gate."""
    if any(outcome.status is Status.FAILED for outcome in run.outcomes):
        return "failed"
    return "passed" if run.passed else "blocked"


def headline(run: RunReport) -> str:
    """How the run ended, in one sentence."""
    release, verdict = run.last(Release), verdict_of(run)
    if verdict == "passed":
        return f"Passed every gate, released as version {release.version}." if release else "Every step was done."
    end = f"version {release.version} was released." if release else "nothing was released."
    if verdict == "failed":
        return f"Failed at {_steps(run, Status.FAILED)}; {end}"
    if behind := _steps(run, Status.BLOCKED):
        return f"Held back by a gate: {behind} did not run; {end}"
    return f"{' and '.join(outcome.step for outcome in run.closed)} did not pass; {end}"


def _steps(run: RunReport, status: Status) -> str:
    return " and ".join(outcome.step for outcome in run.outcomes if outcome.status is status)


def problems_of(run: RunReport) -> tuple[Problem, ...]:
    """What closed gates and failures say, in run order."""
    return tuple(problem for outcome in run.outcomes for problem in _problems(outcome))


def _problems(outcome: Outcome) -> Iterator[Problem]:
    if outcome.status is Status.FAILED:
        text = outcome.message.removeprefix(f"{outcome.step}: ")
        yield Problem(title=f"Step {outcome.step} failed.", reasons=(text,))
    if verdict := outcome.closed:
        yield Problem(title=f"Gate {outcome.step} is closed.", reasons=verdict.reasons or ("It gives no reason.",))


def remarks_of(run: RunReport) -> tuple[str, ...]:
    """The steps that were left out for want of something upstream, and where a failure is logged."""
    skipped = [outcome.step for outcome in run.outcomes if outcome.status is Status.SKIPPED]
    remarks = [f"Not run for want of what comes before: {', '.join(skipped)}."] if skipped else []
    if verdict_of(run) == "failed" and run.log_path.is_file():
        remarks.append(f"Log: {run.log_path}")
    return tuple(remarks)


def steps_section(run: RunReport) -> Section:
    """The table of steps."""
    slowest = max((outcome.seconds for outcome in run.outcomes), default=0.0) or 1.0
    columns = ("Step", "Status", number("Time"), Column("", "bar"), Column("Result", "long"))
    rows: list[Row] = [(outcome.step, *_row(outcome, slowest)) for outcome in run.outcomes]
    caption = "In run order; the time is this run's, short where an earlier result stood in."
    return Section("Steps", (Table(columns, rows, caption),))


def _row(outcome: Outcome, slowest: float) -> tuple[Cell, ...]:
    ran = outcome.status in (Status.DONE, Status.CACHED, Status.FAILED)
    return (
        Cell(LOOKS[outcome.status][2], TONES[outcome.status]),
        Cell(seconds(outcome.seconds) if ran else ""),
        Cell(share=outcome.seconds / slowest if ran else None),
        _result(outcome),
    )


def _result(outcome: Outcome) -> Cell:
    if outcome.made is not None:
        return Cell(told(outcome.made.artifact), "bad" if outcome.closed else "")
    is_told_above = outcome.status in (Status.FAILED, Status.BLOCKED)
    return Cell("see the top of this page" if is_told_above else outcome.message, "quiet")
