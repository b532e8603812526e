"""`slipline promote`."""

from __future__ import annotations

import click

from pipeline.app.config import home_from_environment
from serving.ledger import Ledger
from serving.person import current_person


@click.command()
@click.argument("model")
@click.argument("version", type=click.IntRange(min=1))
@click.option("--reason", required=True, help="Why; kept in the ledger.")
@click.option("--by", default=current_person, help="Who; the user of this machine by default.")
def promote(model: str, version: int, reason: str, by: str) -> None:
    """Make a release the live one.

    VERSION of MODEL is loaded beside the live one first; the label stable moves once every running server has it.
    """
    with Ledger(None, home_from_environment().releases) as ledger:
        release = ledger.promote(model, version, by=by, reason=reason)
    for warning in release.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"{model}: version {release.version} is live")
