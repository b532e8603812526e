"""The ledger's tables: rows are added, never changed, but for the list of servers.

What is live, on trial, superseded or withdrawn is read off the moves and stored nowhere. The columns are named as the
fields in `records.py`.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Float,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
    inspect,
    text,
)
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.schema import CreateColumn

_POSTGRES_LOCK = 0x511B11E  # ours among the advisory locks of a database
_BUSY_TIMEOUT_S = 30  # writers wait for each other; a ledger's transactions take milliseconds

TABLES = MetaData()

RELEASES = Table(
    "releases",
    TABLES,
    Column("model", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("digest", Text, nullable=False, index=True),
    Column("size_bytes", Integer, nullable=False),
    Column("predecessor", Integer),
    Column("at", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("origin", Text, nullable=False),
)

MOVES = Table(
    "moves",
    TABLES,
    Column("model", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # of two people at once, one gets the next
    Column("kind", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("former", Integer),
    Column("at", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("percent", Float),
    Column("figures", Text),
    ForeignKeyConstraint(["model", "version"], ["releases.model", "releases.version"]),
)

SERVERS = Table(
    "servers",
    TABLES,
    Column("target", Text, primary_key=True),
    Column("pid", Integer),
    Column("host", Text, nullable=False),
    Column("since", Text, nullable=False),
    Column("root", Text),
)


def opened_engine(url: str) -> Engine:
    """An engine for the database at `url`, its tables and their columns made if missing.

    Args:
      url: SQLAlchemy database URL. SQLite gets write-ahead logging, waits for other writers, and checks foreign keys.
    """
    engine = create_engine(_with_driver(url))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # Two who create the same table at once would both fail to find it, and one to make it.
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRES_LOCK})
        TABLES.create_all(connection)
        _add_missing_columns(connection)
    return engine


@contextmanager
def alone(engine: Engine, subject: str) -> Iterator[None]:
    """Waits until no other process works on `subject` through this database, then keeps others out.

    A server drops the lock of a connection that ends, so nothing is ever left locked. SQLite has no such locks; its
    file lies where a lock file can, too.
    """
    if engine.dialect.name != "postgresql":
        yield
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        key = {"group": _POSTGRES_LOCK, "subject": subject}
        connection.execute(text("SELECT pg_advisory_lock(:group, hashtext(:subject))"), key)
        try:
            yield
        finally:
            connection.invalidate()  # closed, not pooled: the lock is its session's


def _with_driver(url: str) -> str:
    """PostgreSQL is reached through psycopg, whatever SQLAlchemy's own default is."""
    scheme, separator, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if separator and scheme in ("postgresql", "postgres") else url


def _add_missing_columns(connection: Connection) -> None:
    """Brings a database of an earlier version up to date; what was added since may be empty everywhere."""
    found = inspect(connection)
    for table in TABLES.sorted_tables:
        present = {column["name"] for column in found.get_columns(table.name)}
        for column in table.columns:
            if column.name not in present:
                definition = CreateColumn(column).compile(dialect=connection.dialect)
                connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {definition}"))


def _prepare_sqlite(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions begin where _begin_sqlite says, not where the driver guesses
    connection.execute(f"PRAGMA busy_timeout = {1000 * _BUSY_TIMEOUT_S}")
    connection.execute("PRAGMA foreign_keys = ON")
    _use_write_ahead_log(connection)


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    deadline_s = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            # This one statement does not wait for others by itself.
            if "locked" not in str(error) or time.monotonic() > deadline_s:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that begins as a reader cannot wait for a writer later on; it fails at once.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
