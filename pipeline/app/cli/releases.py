"""`slipline releases`."""

from __future__ import annotations

import json

import click
from rich.console import Console
from rich.table import Table

from pipeline.app.config import home_from_environment
from serving.ledger import Ledger
from serving.release_records import LivePeriod, ReleaseRow


@click.command()
@click.argument("model", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def releases(model: str | None, as_json: bool) -> None:
    """List the releases, of MODEL or of all: who was live when, and why."""
    with Ledger(None, home_from_environment().releases) as ledger:
        found = ledger.releases(model)
    if as_json:
        click.echo(json.dumps([_plain(release) for release in found], indent=1))
    elif not found:
        click.echo("no releases yet; `slipline run` makes one")
    else:
        Console(soft_wrap=True).print(_table(found))


def _table(found: tuple[ReleaseRow, ...]) -> Table:
    table = Table("model", "version", "state", "published", "by", "live (UTC)", "why", box=None, pad_edge=False)
    for release in found:
        periods = release.live_periods or (None,)
        for number, period in enumerate(periods):
            head = _head(release) if number == 0 else ("",) * 5
            table.add_row(*head, *_period(period))
    return table


def _head(release: ReleaseRow) -> tuple[str, ...]:
    return release.model, str(release.version), release.state, _time(release.at), release.by


def _period(period: LivePeriod | None) -> tuple[str, str]:
    if period is None:
        return "never", ""
    until = _time(period.until) if period.until else "now"
    why = f"{period.reason} ({period.by})"
    return f"{_time(period.since)} to {until}", f"{why}; left: {period.until_reason}" if period.until_reason else why


def _time(at: str) -> str:
    return at[:19].replace("T", " ")


def _plain(release: ReleaseRow) -> dict[str, object]:
    from dataclasses import asdict

    return {**asdict(release), "path": str(release.path)}
