"""`slipline schema`."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.app.config import home_from_environment
from pipeline.artifacts import Schema, Statistics
from pipeline.errors import StoreError
from pipeline.store.store import Store, latest


@click.group()
def schema() -> None:
    """Propose or show a schema."""


@schema.command()
@click.option("--to", "target", type=click.Path(path_type=Path), help="Write it there instead of printing it.")
def infer(target: Path | None) -> None:
    """Propose a schema from the latest run's statistics, for a person to review and commit."""
    from tempfile import TemporaryDirectory

    from components.infer_schema import infer_schema

    with Store.open(home_from_environment().path) as store:
        statistics = latest(store, Statistics)
    if statistics is None:
        raise StoreError("no statistics on record; `slipline run` makes some, even if it then stops at validation")
    with TemporaryDirectory() as folder:
        text = infer_schema(statistics, Path(folder)).proto_path.read_text("utf-8")
    if target is None:
        click.echo(text, nl=False)
        return
    if target.exists():
        raise StoreError(f"{target} exists; a reviewed schema is not overwritten: give another name and compare")
    target.write_text(text, "utf-8")
    click.echo(f"wrote {target}; review it, then set `schema` to it")


@schema.command()
@click.argument("file", type=click.Path(path_type=Path))
def show(file: Path) -> None:
    """Print what the schema FILE asks of each feature."""
    from components.schema_io import read_schema

    for feature in read_schema(Schema(path=file)).feature:
        click.echo(f"{feature.name}:")
        for line in str(feature).splitlines()[1:]:
            click.echo(f"  {line}")
