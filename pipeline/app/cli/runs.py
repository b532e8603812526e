"""`slipline runs`."""

from __future__ import annotations

import json

import click
from rich.console import Console
from rich.table import Table

from pipeline.app.config import home_from_environment
from pipeline.store.history import RecordedRun, recorded_runs
from pipeline.store.store import Store


@click.command()
@click.option("--limit", default=20, show_default=True, help="How many, the latest first.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def runs(limit: int, as_json: bool) -> None:
    """List what ran, the latest first."""
    with Store.open(home_from_environment().path) as store:
        found = recorded_runs(store, limit)
    if as_json:
        click.echo(json.dumps([run.to_plain() for run in found], indent=1))
    elif not found:
        click.echo("no runs yet; `slipline run` makes one")
    else:
        Console(soft_wrap=True).print(_table(found))


def _table(found: tuple[RecordedRun, ...]) -> Table:
    table = Table("run", "pipeline", "started", "outcome", "seconds", "steps", box=None, pad_edge=False)
    for run in found:
        steps = ", ".join(f"{count} {status}" for status, count in run.counts().items())
        table.add_row(run.run_id, run.pipeline, run.started_at[:19], run.outcome, f"{run.seconds:.1f}", steps)
    return table
