"""The ledger's tables: rows are added, never changed, but for the list of servers.

What is live, superseded or withdrawn is read off the moves and stored nowhere. The columns are named as the fields in
`release_records.py`.
"""

from __future__ import annotations

import sqlite3
import time

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
)
from sqlalchemy.pool import ConnectionPoolEntry

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
    ForeignKeyConstraint(["model", "version"], ["releases.model", "releases.version"]),
)

SERVERS = Table(
    "servers",
    TABLES,
    Column("target", Text, primary_key=True),
    Column("pid", Integer),
    Column("host", Text, nullable=False),
    Column("since", Text, nullable=False),
)


def opened_engine(url: str) -> Engine:
    """An engine for the database at `url`, its tables made if missing.

    Args:
      url: SQLAlchemy database URL. SQLite gets write-ahead logging, waits for other writers, and checks foreign keys.
    """
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    with engine.begin() as connection:
        TABLES.create_all(connection)
    return engine


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
