"""Brings the tables of an earlier Slipline up to date, so that its home opens with all that it remembers."""

from __future__ import annotations

import json

from sqlalchemy import Connection, delete, insert, inspect, select, text, update
from sqlalchemy.engine import Engine
from sqlalchemy.schema import CreateColumn

from slipline.pipeline.core.errors import StoreError
from slipline.pipeline.store.tables import Base, ExecutionRow, RunRow, RunStepRow, VersionRow

VERSION = 2
"""Of the tables. 1 had no table for its version, no class of an artifact, and no word on verdicts of steps."""


def bring_up_to_date(engine: Engine) -> None:
    """Makes the tables, or adds what an earlier version lacks; killed in between, the next call goes on.

    Raises:
      StoreError: They are of a later version than this one knows.
    """
    with engine.begin() as connection:
        found = _version(connection)
        if found > VERSION:
            raise StoreError(
                f"{engine.url.database}: its tables are of version {found}, this Slipline knows up to {VERSION}; "
                "use the newer Slipline, or another home"
            )
        if found == VERSION:
            return
        Base.metadata.create_all(connection)
        _add_columns(connection)
        _tell_closed_verdicts(connection)
        connection.execute(delete(VersionRow))
        connection.execute(insert(VersionRow).values(number=VERSION))


def _version(connection: Connection) -> int:
    """0 where nothing says it: in a new database, or one of version 1."""
    if not inspect(connection).has_table(VersionRow.__tablename__):
        return 0
    return connection.scalar(select(VersionRow.number)) or 0


def _add_columns(connection: Connection) -> None:
    """Gives each table the columns that it got since; rows from before have their default."""
    there = inspect(connection)
    for table in Base.metadata.sorted_tables:
        names = {column["name"] for column in there.get_columns(table.name)}
        for column in table.columns:
            if column.name not in names:
                definition = CreateColumn(column).compile(dialect=connection.dialect)
                connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {definition}"))


def _tell_closed_verdicts(connection: Connection) -> None:
    """Marks the steps of version 1 whose verdict did not pass, and their runs: these passed only if a step waited."""
    joined = select(RunStepRow.run_id, RunStepRow.position, ExecutionRow.facts).join(
        ExecutionRow, ExecutionRow.id == RunStepRow.execution_id
    )
    for run_id, position, facts in connection.execute(joined.where(ExecutionRow.facts.contains('"passed": false'))):
        if json.loads(facts).get("passed") is False:
            step = (RunStepRow.run_id == run_id) & (RunStepRow.position == position)
            connection.execute(update(RunStepRow).where(step).values(closed=True))
            connection.execute(update(RunRow).where(RunRow.id == run_id, RunRow.passed.is_(True)).values(passed=False))
