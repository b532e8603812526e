"""`slipline schema`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from sqlalchemy import select

from slipline.components.artifacts import Schema, Statistics
from slipline.pipeline.app.cli.terminal import print_table, say, say_json
from slipline.pipeline.app.settings.home import home_from_environment
from slipline.pipeline.app.settings.training_settings import load_settings
from slipline.pipeline.core.component import ComponentError
from slipline.pipeline.core.errors import StoreError
from slipline.pipeline.core.visible import visible
from slipline.pipeline.store.store import Store
from slipline.pipeline.store.tables import ExecutionRow, RunRow, RunStepRow

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

COLUMNS = ("feature", "type", "presence", "values", "image size", "drift", "skew", "domain")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def schema() -> None:
    """Propose or show a schema."""


@schema.command()
@click.option("--to", "target", type=click.Path(path_type=Path), help="Write it there instead of printing it.")
@click.option("--run", "run_id", help="From that run's statistics, by its id, instead of the latest run's.")
def infer(target: Path | None, run_id: str | None) -> None:
    """Propose a schema from a run's statistics, for a person to review and commit.

    It approves the very data it was made from: it is worth nothing until it is reviewed. A file that exists is never
    overwritten.
    """
    from tempfile import TemporaryDirectory

    from slipline.components.steps.infer_schema import infer_schema

    with Store.open(home_from_environment().path) as store:
        run, statistics = _statistics(store, run_id)
    with TemporaryDirectory() as folder:
        proposed = infer_schema(statistics, Path(folder)).proto_path.read_text("utf-8")
    started = run.started_at[:16].replace("T", " ")
    text = f"# Run {run.id} of pipeline {visible(run.pipeline)}, started {started} UTC.\n{proposed}"
    if target is None:
        say(text, end="")
        say("nothing is saved; `--to FILE` writes it, and shows what to look at", err=True)
        return
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise StoreError(
            f"{target} exists; a reviewed schema is not overwritten: "
            "give another name and compare the two with `slipline schema diff`"
        ) from None
    _show(target)
    say(
        f"wrote {target}, from run {run.id}; it approves the very data it was made from: "
        "review it, then set `schema` to it"
    )


def _statistics(store: Store, run_id: str | None) -> tuple[RunRow, Statistics]:
    """Those of the run, or of the latest run that has any."""
    query = (
        select(ExecutionRow, RunRow)
        .join(RunStepRow, RunStepRow.execution_id == ExecutionRow.id)
        .join(RunRow, RunRow.id == RunStepRow.run_id)
        .where(ExecutionRow.artifact_type == Statistics.__name__)
        .order_by(RunRow.started_at.desc(), RunStepRow.position)
    )
    if run_id is not None:
        query = query.where(RunRow.id == run_id)
    with store.session() as session:
        for execution, run in session.execute(query.limit(1)):
            made = store.committed(execution, Statistics)
            if made is not None and isinstance(made.artifact, Statistics):
                return run, made.artifact
    if run_id is not None:
        raise StoreError(f"no statistics of a run {run_id!r} on record; `slipline runs` lists the runs")
    raise StoreError("no statistics on record; `slipline run` makes some, even if it then stops at validation")


@schema.command()
@click.argument("file", type=FILE, required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the message in protobuf's JSON form.")
def show(file: Path | None, as_json: bool) -> None:
    """Show what a schema asks of each feature.

    FILE is a schema's text form; by default the one of Slipline's own settings.
    """
    file = file or load_settings().schema_path
    if not as_json:
        _show(file)
        return
    from google.protobuf.json_format import MessageToJson

    say(MessageToJson(_read(file), preserving_proto_field_name=True, indent=1))


def _read(file: Path) -> schema_pb2.Schema:
    from slipline.components.features.schema_io import read_schema

    return read_schema(Schema(path=file))


def _show(file: Path) -> None:
    from slipline.components.schemas.schema_text import FeatureText, dataset_text, feature_text

    def row(told: FeatureText) -> tuple[str, ...]:
        domain = f"{told.domain}; {told.also}" if told.also else told.domain
        return told.name, told.type, told.presence, told.length, told.image_size, told.drift, told.skew, domain

    read = _read(file)
    rows = [row(feature_text(feature, read)) for feature in read.feature]
    told = [number for number in range(len(COLUMNS)) if any(row[number] for row in rows)]  # terminals are narrow
    if rows:
        print_table([COLUMNS[number] for number in told], [[row[number] for number in told] for row in rows])
    if asked := dataset_text(read):
        say(f"a split: {asked}")
    comments = [f"{feature.name}: {comment}" for feature in read.feature for comment in feature.annotation.comment]
    for comment in [*read.annotation.comment, *comments]:
        say(f"look at  {comment}")


class CannotCompare(click.ClickException):
    """A schema that cannot be read; status 1 would say that the two differ."""

    exit_code = 2


@schema.command()
@click.argument("before", type=FILE)
@click.argument("after", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def diff(ctx: click.Context, before: Path, after: Path, as_json: bool) -> None:
    """Say what AFTER asks otherwise than BEFORE, a line for each difference.

    Two schemas are equal if they ask the same in whatever order. As with diff(1), the exit status is 0 if they are, 1
    if they differ, and 2 if a file cannot be read.
    """
    from slipline.components.schemas.schema_diff import compare_schemas

    try:
        changes = compare_schemas(_read(before), _read(after))
    except ComponentError as error:
        raise CannotCompare(str(error)) from error
    if as_json:
        say_json([{**asdict(change), "kind": change.kind.value} for change in changes])
    else:
        say("".join(f"{change.sentence}\n" for change in changes) or "no difference\n", end="")
    ctx.exit(1 if changes else 0)
