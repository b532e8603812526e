"""`slipline runs`."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import shorten

import click

from slipline.pipeline.app.cli.terminal import print_table, say, say_json
from slipline.pipeline.app.settings.home import Home, home_from_environment
from slipline.pipeline.store.history import RecordedRun, recorded_runs
from slipline.pipeline.store.store import Store

LONGEST_REASON = 200

COLUMNS = ("run", "pipeline", "started (UTC)", "outcome", "seconds", "steps", "why")


@click.command()
@click.option("--limit", type=click.IntRange(min=1), default=20, help="How many, the latest first.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def runs(limit: int, as_json: bool) -> None:
    """List what ran, the latest first."""
    home = home_from_environment()
    with Store.open(home.path) as store:
        found = recorded_runs(store, limit)
    if as_json:
        say_json([_plain(run, home) for run in found])
    elif not found:
        say("no runs yet; `slipline run` makes one")
    else:
        print_runs(found)


def print_runs(found: Iterable[RecordedRun]) -> None:
    """Prints a row for each run."""
    print_table(COLUMNS, map(_row, found))


def _row(run: RecordedRun) -> tuple[str, ...]:
    steps = ", ".join(f"{count} {status}" for status, count in run.counts().items())
    failed = [step.message for step in run.steps if step.status == "failed"]
    closed = [f"{step.step} did not pass: {step.message}" for step in run.steps if step.closed]
    why = "; ".join(shorten(reason, LONGEST_REASON) for reason in (*failed, *closed))
    started = run.started_at[:19].replace("T", " ")
    return run.run_id, run.pipeline, started, run.outcome, f"{run.seconds:.1f}", steps, why


def _plain(run: RecordedRun, home: Home) -> dict[str, object]:
    """The run as it is on record, with where its log and its report lie; null where there is none."""
    files = {"log": home.path / "logs" / f"{run.run_id}.log", "report": home.reports / f"{run.page}.html"}
    return run.to_plain() | {name: str(file) if file.exists() else None for name, file in files.items()}
