"""Brings the tables of an earlier Slipline up to date, so that its home opens with all that it remembers."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, inspect, select, text, update
from sqlalchemy.engine import Engine

from slipline.pipeline.core.errors import StoreError
from slipline.pipeline.store.tables import Base, VersionRow

VERSION = 2
"""Of the tables. 1 had no table for its version."""


@dataclass(frozen=True)
class AddedColumn:
    """A column that a table got later; in rows from before it has its default."""

    table: str
    column: str
    definition: str


ADDED = (
    AddedColumn("execution", "artifact_class", "TEXT NOT NULL DEFAULT ''"),
    AddedColumn("run_step", "closed", "BOOLEAN NOT NULL DEFAULT FALSE"),
)


def bring_up_to_date(engine: Engine) -> None:
    """Makes the tables, or adds what an earlier version lacks; killed in between, the next call goes on.

    Raises:
      StoreError: They are of a later version than this one knows.
    """
    with engine.begin() as connection:
        found = _version(connection)
        if found is not None and found > VERSION:
            raise StoreError(
                f"{engine.url.database}: its tables are of version {found}, this Slipline knows up to {VERSION}; "
                "use the newer Slipline, or another home"
            )
        if found == VERSION:
            return
        Base.metadata.create_all(connection)
        tables = inspect(connection)
        for added in ADDED:
            if all(column["name"] != added.column for column in tables.get_columns(added.table)):
                connection.execute(text(f"ALTER TABLE {added.table} ADD COLUMN {added.column} {added.definition}"))
        connection.execute(
            insert(VersionRow).values(number=VERSION) if found is None else update(VersionRow).values(number=VERSION)
        )


def _version(connection: Connection) -> int | None:
    """None where nothing says it: in a new database, or one of version 1."""
    if not inspect(connection).has_table(VersionRow.__tablename__):
        return None
    return connection.scalar(select(VersionRow.number))
