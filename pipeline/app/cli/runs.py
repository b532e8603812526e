"""`slipline runs`."""

from __future__ import annotations

import json

import click

from slipline.pipeline.app.cli.terminal_table import print_table
from slipline.pipeline.app.settings.training_settings import home_from_environment
from slipline.pipeline.store.history import RecordedRun, recorded_runs
from slipline.pipeline.store.store import Store


@click.command()
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many, the latest first.")
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
        print_table(("run", "pipeline", "started (UTC)", "outcome", "seconds", "steps"), map(_row, found))


def _row(run: RecordedRun) -> tuple[str, ...]:
    steps = ", ".join(f"{count} {status}" for status, count in run.counts().items())
    started = run.started_at[:19].replace("T", " ")
    return run.run_id, run.pipeline, started, run.outcome, f"{run.seconds:.1f}", steps
