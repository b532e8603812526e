"""`slipline rollback`."""

from __future__ import annotations

import click

from pipeline.app.config import home_from_environment
from serving.ledger import Ledger
from serving.person import current_person


@click.command()
@click.argument("model")
@click.option("--to", type=click.IntRange(min=1), help="The version to go back to; the one live before by default.")
@click.option("--reason", required=True, help="Why the live version is withdrawn; kept in the ledger.")
@click.option("--by", default=current_person, help="Who; the user of this machine by default.")
def rollback(model: str, to: int | None, reason: str, by: str) -> None:
    """Serve the release that was live before again.

    The present release of MODEL is withdrawn.
    """
    with Ledger(None, home_from_environment().releases) as ledger:
        release = ledger.roll_back(model, to=to, by=by, reason=reason)
    for warning in release.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"{model}: version {release.version} is live again")
