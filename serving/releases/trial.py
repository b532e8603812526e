"""A trial from beginning to end: a version becomes the canary, is watched, and is promoted or withdrawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slipline.serving.errors import PromotionFailed
from slipline.serving.releases.compare.canary_watch import Outcome, TrialEnded, Watch, watch_canary
from slipline.serving.releases.compare.comparison import Comparison
from slipline.serving.releases.compare.replay import sample_for
from slipline.serving.releases.ledger import Ledger
from slipline.serving.releases.servers.rollout import rollout_to_registered
from slipline.serving.releases.store.move_history import canary_move, live_version
from slipline.serving.releases.store.records import ReleaseRow


@dataclass(frozen=True, kw_only=True)
class TrialPlan:
    """What is tried, and how.

    Attributes:
      model: The model's name.
      version: Which release.
      percent: The share of requests that clients are to send to it, 0 to 100.
      by: Who tries it.
      reason: Why.
      watch: For how long, and the limits.
      sample: TFRecord file of PredictionLog, asked of both versions; None for the requests kept with the model.
      keep: Whether it stays on trial if it kept within its limits, rather than being promoted.
    """

    model: str
    version: int
    percent: float
    by: str
    reason: str
    watch: Watch
    sample: Path | None = None
    keep: bool = False


def run_trial(
    ledger: Ledger, plan: TrialPlan, *, say: Callable[[Comparison, float], None] = lambda figures, seconds: None
) -> tuple[Outcome, ReleaseRow]:
    """Tries a release; what was measured, and the release as it stands in the end.

    An interrupt, or an error, withdraws it. A process that is killed leaves it on trial: the same call goes on.

    Args:
      ledger: Keeps the trial and its figures.
      plan: What is tried, and how.
      say: Told about once a second what was measured so far, and after how many seconds.

    Raises:
      TrialEnded: Somebody else ended the trial.
      ServingError: As `Ledger.start_canary`; `PromotionFailed` also where there are no requests, or no server answers.
    """
    sample = sample_for(ledger.release(plan.model, plan.version).path, plan.sample)
    targets = _answering(ledger, plan.model)
    if not sample or not targets:
        raise PromotionFailed(f"version {plan.version} of {plan.model!r} cannot be tried: {_lack(bool(targets))}")
    release = ledger.start_canary(plan.model, plan.version, percent=plan.percent, by=plan.by, reason=plan.reason)
    moves = ledger.moves()[plan.model]
    versions = (live_version(moves) or 0, plan.version)
    try:
        outcome = watch_canary(
            targets,
            plan.model,
            versions,
            sample,
            plan.watch,
            is_on_trial=lambda: canary_move(ledger.moves()[plan.model]) == canary_move(moves),
            say=say,
        )
    except TrialEnded:
        raise
    except BaseException as error:
        words = str(error) or "interrupted"
        ledger.withdraw_canary(plan.model, by=plan.by, reason=f"not watched to the end: {words}")
        raise
    return outcome, _ended(ledger, plan, outcome, release)


def _answering(ledger: Ledger, model: str) -> tuple[str, ...]:
    with rollout_to_registered(ledger.root, model, ledger.servers(), 0.0) as rollout:
        return tuple(server.control.target for server in rollout.servers)


def _lack(has_server: bool) -> str:
    if has_server:
        return "no requests are stored to compare it by; `--sample FILE` names some"
    return (
        "no registered server answers; `slipline serve` starts one, `slipline releases register HOST:PORT` adds one "
        "that runs already"
    )


def _ended(ledger: Ledger, plan: TrialPlan, outcome: Outcome, release: ReleaseRow) -> ReleaseRow:
    if outcome.breaches:
        reason = "; ".join(outcome.breaches)
        return ledger.withdraw_canary(plan.model, by=plan.by, reason=reason, figures=outcome.figures)
    if plan.keep:
        return release
    reason = f"kept within its limits for {outcome.seconds:.0f} s as canary with {plan.percent:g} %"
    return ledger.promote(plan.model, plan.version, by=plan.by, reason=reason, figures=outcome.figures)
