"""`slipline clean`."""

from __future__ import annotations

import click

from pipeline.app.config import home_from_environment
from pipeline.store.history import remove_leftovers
from pipeline.store.store import Store


@click.command()
def clean() -> None:
    """Remove what a crash left: folders that no committed step owns.

    Does nothing while a run is under way.
    """
    with Store.open(home_from_environment().path) as store:
        removed = remove_leftovers(store)
    for folder in removed:
        click.echo(f"removed {folder}")
    if not removed:
        click.echo("nothing to remove")
