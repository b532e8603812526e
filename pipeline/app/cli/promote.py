"""`slipline promote`."""

from __future__ import annotations

from pathlib import Path

import click

from slipline.pipeline.app.cli.release_options import by_option, limit_options, open_ledger, sample_option, say_warnings
from slipline.pipeline.app.cli.terminal import say
from slipline.serving.releases.compare.comparison import Limits, Replay


@click.command()
@click.argument("model")
@click.argument("version", type=click.IntRange(min=1))
@click.option("--reason", required=True, help="Why; kept in the ledger.")
@by_option
@sample_option
@limit_options
@click.option("--no-compare", is_flag=True, help="Ask neither version anything before the label moves.")
def promote(
    model: str,
    version: int,
    reason: str,
    by: str,
    sample: Path | None,
    limits: Limits,
    no_compare: bool,
) -> None:
    """Make a release the live one.

    VERSION of MODEL is loaded beside the live one first. Once every running server has it, both are asked the recorded
    requests; if the new version keeps within its limits, the label stable moves. Whatever goes wrong leaves the live
    version alone.
    """
    replay = None if no_compare else Replay(requests=sample, limits=limits)
    with open_ledger() as ledger:
        was_live = ledger.release(model, version).state == "live"
        release = ledger.promote(model, version, by=by, reason=reason, replay=replay)
    say_warnings(release)
    figures = release.live_periods[-1].figures
    measured = "" if was_live or figures is None else f" ({figures})"
    say(f"{model}: version {version} is live{measured}")
