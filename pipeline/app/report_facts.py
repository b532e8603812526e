"""What the report says about the run as a whole: its verdict, key numbers, steps and release."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from slipline.components.artifacts import Evaluation, Release, TrainedModel
from slipline.pipeline.app.artifact_words import artifact_words
from slipline.pipeline.app.report_artifacts import learnt_from, made_of
from slipline.pipeline.app.report_format import count, nats, percent, plural, points, seconds
from slipline.pipeline.app.report_training import history_of
from slipline.pipeline.app.settings.training_settings import Home, TrainingSettings
from slipline.pipeline.core.artifact import Artifact, Verdict
from slipline.pipeline.runners.execute import Outcome, Status
from slipline.pipeline.runners.local import RunReport
from slipline.pipeline.store.store import Store

STATUS_WORDS = {
    Status.DONE: "done",
    Status.CACHED: "cached",
    Status.BLOCKED: "blocked by a gate",
    Status.SKIPPED: "not run",
    Status.FAILED: "failed",
}

NOT_STARTED = (Status.BLOCKED, Status.SKIPPED)

STATE_WORDS = {
    "live": "live when this page was written",
    "published": "published, not live",
    "superseded": "no longer live: a later release replaced it",
    "canary": "on trial as a canary, not live",
    "withdrawn": "withdrawn by a roll-back, or after its trial",
}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why the run did not come to its end.

    Attributes:
      title: What happened, in one sentence.
      reasons: Each with the measured value and the limit, or what was wanted and what came.
    """

    title: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class KeyNumber:
    """One of the few numbers that a person looks for first.

    Attributes:
      name: What was measured.
      value: The number, with its unit.
      note: What to hold it against.
      bad: Whether it is beyond its limit.
    """

    name: str
    value: str
    note: str
    bad: bool = False


@dataclass(frozen=True, kw_only=True)
class StepLine:
    """One line of the table of steps.

    Attributes:
      step: Its name.
      status: The value of its `Status`.
      words: The status for people.
      seconds: Wall time in this run; empty if it did not run.
      share: Of the slowest step's time, in 0..1.
      result: What it made, in a few words; else why it made nothing.
      bad: Whether its verdict closed a gate.
    """

    step: str
    status: str
    words: str
    seconds: str
    share: float
    result: str
    bad: bool


def verdict_of(run: RunReport) -> str:
    """`passed`, `blocked` or `failed`."""
    if run.passed:
        return "passed"
    return "failed" if any(outcome.status is Status.FAILED for outcome in run.outcomes) else "blocked"


def headline(run: RunReport) -> str:
    """How the run ended, in one sentence."""
    release = made_of(run, Release)
    if run.passed:
        return f"Passed every gate, released as version {release.version}." if release else "Every step was done."
    failed = verdict_of(run) == "failed"
    status = Status.FAILED if failed else Status.BLOCKED
    steps = " and ".join(outcome.step for outcome in run.outcomes if outcome.status is status)
    start = f"Failed at {steps}" if failed else f"Held back by a gate: {steps} did not run"
    return f"{start}; version {release.version} was released." if release else f"{start}; nothing was released."


def release_words(run: RunReport, store: Store) -> str:
    """The release and whether it is live; empty if the run came to none."""
    release = made_of(run, Release)
    if release is None:
        return ""
    return f"{release.model} version {release.version}, {_state(release, Home(store.home))}"


def _state(release: Release, home: Home) -> str:
    from slipline.serving.errors import ServingError
    from slipline.serving.releases.ledger import Ledger

    unknown = "not in the ledger of this home"
    if not home.releases.is_dir():
        return unknown
    try:
        with Ledger(None, home.releases) as ledger:
            return STATE_WORDS[ledger.release(release.model, release.version).state]
    except ServingError:
        return unknown


def problems_of(run: RunReport) -> tuple[Problem, ...]:
    """What closed gates and failures say, in run order."""
    return tuple(problem for outcome in run.outcomes for problem in _problems(outcome))


def _problems(outcome: Outcome) -> Iterator[Problem]:
    if outcome.status is Status.FAILED:
        text = outcome.message.removeprefix(f"{outcome.step}: ")
        yield Problem(title=f"Step {outcome.step} failed.", reasons=(text,))
    elif outcome.status is Status.BLOCKED:
        lines = [line.partition(": ") for line in outcome.message.splitlines()]
        for gate, reasons in groupby(lines, key=lambda line: line[0]):
            title = f"Gate {gate} is closed, so {outcome.step} did not run."
            yield Problem(title=title, reasons=tuple(reason for _, _, reason in reasons))


def not_run(run: RunReport) -> tuple[str, ...]:
    """The steps that had to be left out for want of something upstream."""
    return tuple(outcome.step for outcome in run.outcomes if outcome.status is Status.SKIPPED)


def key_numbers(run: RunReport, settings: TrainingSettings) -> tuple[KeyNumber, ...]:
    """Accuracy, log loss, training time and records, as far as the run came."""
    numbers: list[KeyNumber] = []
    if evaluation := made_of(run, Evaluation):
        numbers += _quality(evaluation, settings)
    if trained := made_of(run, TrainedModel):
        numbers.append(_training(trained))
    if examples := learnt_from(run):
        note = ", ".join(f"{count(split.records)} {split.name}" for split in examples.splits)
        aside = f"; {count(examples.set_aside)} set aside" if examples.set_aside else ""
        numbers.append(KeyNumber(name="Records", value=count(examples.records), note=note + aside))
    return tuple(numbers)


def _quality(evaluation: Evaluation, settings: TrainingSettings) -> list[KeyNumber]:
    overall, live, limits = evaluation.overall, evaluation.live, settings.evaluate
    numbers = [
        KeyNumber(
            name=f"{limits.split.capitalize()} accuracy",
            value=percent(overall.accuracy),
            note=f"the gate wants at least {percent(limits.min_accuracy)}",
            bad=overall.accuracy < limits.min_accuracy,
        ),
        KeyNumber(
            name="Log loss",
            value=nats(overall.log_loss),
            note=f"nats; the gate wants at most {limits.max_log_loss:g}",
            bad=overall.log_loss > limits.max_log_loss,
        ),
    ]
    if live is not None:
        change = overall.accuracy - live.accuracy
        numbers.append(
            KeyNumber(
                name=f"Against live version {evaluation.live_version}",
                value=points(change),
                note=f"of accuracy; the gate allows {points(-limits.max_accuracy_drop)}, and what chance explains",
                bad=any("evaluate.max_accuracy_drop" in reason for reason in evaluation.reasons),
            )
        )
    return numbers


def _training(trained: TrainedModel) -> KeyNumber:
    epochs = history_of(trained)
    return KeyNumber(
        name="Training time",
        value=seconds(sum(epoch.seconds for epoch in epochs)),
        note=f"{plural(len(epochs), 'epoch')}, {count(trained.parameters)} parameters",
    )


def step_lines(run: RunReport) -> tuple[StepLine, ...]:
    """The table of steps."""
    slowest = max((outcome.seconds for outcome in run.outcomes), default=0.0) or 1.0
    return tuple(
        StepLine(
            step=outcome.step,
            status=outcome.status.value,
            words=STATUS_WORDS[outcome.status],
            seconds="" if outcome.status in NOT_STARTED else seconds(outcome.seconds),
            share=outcome.seconds / slowest,
            result=_result(outcome.made.artifact) if outcome.made else _why_nothing(outcome),
            bad=outcome.made is not None and _closes(outcome.made.artifact),
        )
        for outcome in run.outcomes
    )


def _result(artifact: Artifact) -> str:
    return artifact_words(artifact) or type(artifact).__name__


def _why_nothing(outcome: Outcome) -> str:
    if outcome.status is Status.BLOCKED:
        gates = dict.fromkeys(line.partition(": ")[0] for line in outcome.message.splitlines())
        return f"gate {' and '.join(gates)} closed"
    return "see the top of this page" if outcome.status is Status.FAILED else outcome.message


def _closes(artifact: Artifact) -> bool:
    return isinstance(artifact, Verdict) and not artifact.passed
