"""`slipline lineage`."""

from __future__ import annotations

import json

import click
from sqlalchemy import select

from slipline.pipeline.app.cli.terminal import say, say_json
from slipline.pipeline.app.settings.home import Home, home_from_environment
from slipline.pipeline.report.kit.format import short
from slipline.pipeline.report.origin import taken_words
from slipline.pipeline.report.products import recorded_artifact, told
from slipline.pipeline.store.lineage import flat_settings, trace
from slipline.pipeline.store.store import Store
from slipline.pipeline.store.tables import ExecutionRow
from slipline.serving.releases.ledger import Ledger
from slipline.serving.releases.store.records import ReleaseRow


@click.command()
@click.argument("target")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--dot", "as_dot", is_flag=True, help="Print a Graphviz graph.")
def lineage(target: str, as_json: bool, as_dot: bool) -> None:
    """Show what TARGET was made of, back to the data.

    TARGET is a release such as mnist@2, or the id of an execution.
    """
    home = home_from_environment()
    with Store.open(home.path) as store:
        found = trace(store, _execution(target, home, store))
    if as_json:
        say_json(found.to_plain())
    elif as_dot:
        say(found.to_dot())
    else:
        for made in found.executions:
            say(_in_words(made, home))


def _execution(target: str, home: Home, store: Store) -> str:
    model, at, version = target.partition("@")
    if not at:
        return target
    if not version.isdecimal():
        raise click.BadParameter(f"wanted MODEL@VERSION, such as mnist@2, got {target!r}", param_hint="TARGET")
    with Ledger(home.ledger_url, home.releases) as ledger:
        release = ledger.release(model, int(version))
    return _push_of(release, store) or release.origin


def _push_of(release: ReleaseRow, store: Store) -> str | None:
    """The execution that released the version, with its gates; None if it was killed before it was on record."""
    with store.session() as session:
        for row in session.scalars(select(ExecutionRow).filter_by(artifact_type="Release")):
            facts = json.loads(row.facts)
            if facts == {"model": release.model, "version": release.version, "digest": release.digest}:
                return row.id
    return None


def _in_words(made: ExecutionRow, home: Home) -> str:
    settings = ", ".join(f"{name}={value}" for name, value in flat_settings(made.settings))
    lines = [
        f"{made.step}  {made.id}  {made.ended_at[:19]}",
        f"  made      {_made(made, home)}",
        *(f"  {'gate' if taken.gate else 'took':<9} {taken_words(taken)}" for taken in made.taken),
        f"  settings  {settings or 'none'}",
        f"  code      {made.code}",
        f"  uses      {', '.join(made.frameworks.splitlines())}",
    ]
    if made.files:
        lines.append(f"  read      files of digest {made.files}")
    return "\n".join(lines)


def _made(made: ExecutionRow, home: Home) -> str:
    artifact = recorded_artifact(made, home.path)
    words = "" if artifact is None else told(artifact)
    return f"{made.artifact_type} {short(made.digest)}" + (f" ({words})" if words else "")
