"""`slipline clean`."""

from __future__ import annotations

import click

from slipline.pipeline.app.settings.training_settings import home_from_environment
from slipline.pipeline.store.history import remove_leftovers
from slipline.pipeline.store.store import Store
from slipline.serving.folders import version_folder


@click.command()
def clean() -> None:
    """Remove what a crash left: folders that no committed step owns.

    Refused while a run is under way.
    """
    home = home_from_environment()
    with Store.open(home.path) as store:
        removed = remove_leftovers(store)
    for model_root in sorted(home.releases.glob("*/")):
        removed += version_folder.remove_leftovers(model_root)
    for folder in removed:
        click.echo(f"removed {folder}")
    if not removed:
        click.echo("nothing to remove")
