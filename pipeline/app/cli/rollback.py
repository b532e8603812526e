"""`slipline rollback`."""

from __future__ import annotations

import click

from slipline.pipeline.app.cli.release_options import by_option, open_ledger, say_warnings
from slipline.pipeline.app.cli.terminal import say


@click.command()
@click.argument("model")
@click.option("--to", type=click.IntRange(min=1), help="The version to go back to; the one live before by default.")
@click.option("--reason", required=True, help="Why the live version is withdrawn; kept in the ledger.")
@by_option
def rollback(model: str, to: int | None, reason: str, by: str) -> None:
    """Serve the release that was live before again.

    The present release of MODEL is withdrawn, and so is one on trial.
    """
    with open_ledger() as ledger:
        release = ledger.roll_back(model, to=to, by=by, reason=reason)
    say_warnings(release)
    say(f"{model}: version {release.version} is live again")
