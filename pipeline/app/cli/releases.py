"""`slipline releases`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

import click

from pipeline.app.cli.tables import print_table
from pipeline.app.config import home_from_environment
from serving.errors import ReleaseNotFound
from serving.ledger import Ledger
from serving.release_records import ReleaseRow

COLUMNS = ("model", "version", "state", "live from (UTC)", "until", "by", "why")


@click.command()
@click.argument("model", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def releases(model: str | None, as_json: bool) -> None:
    """List the releases: who was live when, and why."""
    with Ledger(None, home_from_environment().releases) as ledger:
        found = ledger.releases(model)
        known = sorted({release.model for release in ledger.releases()})
    if model is not None and not found and known:
        raise ReleaseNotFound(f"no releases of {model!r}; there are some of {', '.join(known)}")
    if as_json:
        click.echo(json.dumps([_plain(release) for release in found], indent=1))
    elif not found:
        click.echo("no releases yet; `slipline run` makes one")
    else:
        print_table(COLUMNS, (row for release in found for row in _rows(release)))


def _rows(release: ReleaseRow) -> Iterator[tuple[str, ...]]:
    """A row for each time the release was live; one row if it never was."""
    head: tuple[str, ...] = (release.model, str(release.version), release.state)
    if not release.live_periods:
        yield *head, "never", "", release.by, f"published {_time(release.at)}"
    for period in release.live_periods:
        until = _time(period.until) if period.until else "now"
        left = f"; left: {period.until_reason}" if period.until_reason else ""
        yield *head, _time(period.since), until, period.by, f"{period.reason}{left}"
        head = ("", "", "")


def _time(at: str) -> str:
    return at[:19].replace("T", " ")


def _plain(release: ReleaseRow) -> dict[str, object]:
    return {**asdict(release), "path": str(release.path)}
