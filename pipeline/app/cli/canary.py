"""`slipline canary`."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from slipline.pipeline.app.cli.release_options import (
    Duration,
    by_option,
    limit_options,
    open_ledger,
    sample_option,
    say_warnings,
)
from slipline.pipeline.app.cli.terminal import say, say_json
from slipline.serving.errors import PromotionFailed
from slipline.serving.releases.compare.comparison import Comparison, Limits
from slipline.serving.releases.ledger import Ledger
from slipline.serving.releases.store.records import ReleaseRow

if TYPE_CHECKING:
    from slipline.serving.releases.compare.canary_watch import Outcome

SAY_EVERY_S = 5.0
DEFAULT_WATCH_S = 600.0


@click.command()
@click.argument("model")
@click.argument("version", type=click.IntRange(min=1), required=False)
@click.option(
    "--percent",
    type=click.FloatRange(0.0, 100.0, min_open=True),
    default=5.0,
    help="Share of requests that clients send to it, by a hash of each request's key.",
)
@click.option("--for", "watch_s", type=Duration(), help="Watch it so long: 90s, 10m, 2h.  [default: 10m]")
@click.option("--requests", type=click.IntRange(min=1), help="Watch it for so many recorded requests.")
@click.option("--reason", help="Why; kept in the ledger.")
@by_option
@sample_option
@limit_options
@click.option("--keep", is_flag=True, help="Leave it on trial in the end if it kept within its limits.")
@click.option("--withdraw", is_flag=True, help="End the trial under way instead, whoever began it.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def canary(
    model: str,
    version: int | None,
    watch_s: float | None,
    requests: int | None,
    reason: str | None,
    by: str,
    limits: Limits,
    withdraw: bool,
    as_json: bool,
    **plan_options: Any,
) -> None:
    """Try a release on a share of the requests.

    VERSION of MODEL is loaded beside the live one and gets the label canary. Clients choose between the labels stable
    and canary by a hash of a key (label_for in slipline.serving.folders.labels; CanaryShares reads the share from
    canary.json among the releases). Meanwhile recorded requests are sent to both labels, and errors, latency and
    answers compared.
    A limit that is exceeded by more than chance withdraws the version at once; otherwise it is promoted in the end.
    Ctrl-C withdraws it.

    Clients that name neither a version nor a label get the highest version loaded, which may be the one on trial: have
    them ask for stable.
    """
    if withdraw == (version is not None):
        raise click.UsageError("give a VERSION to try, or --withdraw, and not both")
    with open_ledger() as ledger:
        if withdraw or version is None:
            _withdraw(ledger, model, by, reason)
            return
        from slipline.serving.releases.compare.canary_watch import Watch
        from slipline.serving.releases.trial import TrialPlan, run_trial

        plan = TrialPlan(
            model=model,
            version=version,
            by=by,
            reason=reason or "on trial",
            watch=Watch(seconds=watch_s if watch_s or requests else DEFAULT_WATCH_S, requests=requests, limits=limits),
            **plan_options,
        )
        with _terminable():
            outcome, release = run_trial(ledger, plan, say=_Progress())
    _tell(outcome, release, as_json=as_json)


def _tell(outcome: Outcome, release: ReleaseRow, *, as_json: bool) -> None:
    say_warnings(release)
    version, told = release.version, f"after {outcome.seconds:.0f} s"
    if as_json:
        say_json({"version": version, "state": release.state, **asdict(outcome)})
    elif not outcome.breaches:
        ended = "is live" if release.state == "live" else "stays on trial"
        say(f"{release.model}: version {version} {ended} {told} ({outcome.figures})")
    if outcome.breaches:
        raise PromotionFailed(
            f"version {version} of {release.model!r} was withdrawn {told}, the live version stays: "
            f"{'; '.join(outcome.breaches)} ({outcome.figures})"
        )


def _withdraw(ledger: Ledger, model: str, by: str, reason: str | None) -> None:
    if reason is None:
        raise click.UsageError("--withdraw needs a --reason")
    release = ledger.withdraw_canary(model, by=by, reason=reason)
    say_warnings(release)
    say(f"{model}: version {release.version} is withdrawn, canary is the live version again")


@contextmanager
def _terminable() -> Iterator[None]:
    """Lets SIGTERM end the block as Ctrl-C does, so that a trial is withdrawn rather than left unwatched."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Progress:
    """Says on standard error what was measured so far, every few seconds."""

    def __init__(self) -> None:
        self._said_s = 0.0

    def __call__(self, figures: Comparison, seconds: float) -> None:
        if figures.requests and seconds - self._said_s >= SAY_EVERY_S:
            self._said_s = seconds
            say(f"{seconds:4.0f} s: {figures}", err=True)
