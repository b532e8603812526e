"""The ledger's database: adds rows and reads them back as records."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from slipline.serving.errors import LedgerConflict, LedgerError
from slipline.serving.folders.whole_file import locked
from slipline.serving.releases.store import ledger_tables as tables
from slipline.serving.releases.store.ledger_tables import MOVES, RELEASES, SERVERS, opened_engine
from slipline.serving.releases.store.move_history import canary_periods, live_periods, state_of
from slipline.serving.releases.store.records import Move, NewRelease, RegisteredServer, ReleaseRow


class LedgerStore:
    """One database of releases, moves and servers.

    Every method raises `LedgerError` where the database cannot be read or written.
    """

    def __init__(self, url: str, root: Path) -> None:
        """Opens the database, its tables made if missing.

        Args:
          url: SQLAlchemy database URL.
          root: The folder whose version folders the rows describe; made if missing.
        """
        self._root = root
        with self._our_errors():
            root.mkdir(parents=True, exist_ok=True)
            self._engine = opened_engine(url)

    def close(self) -> None:
        """Closes the connections."""
        self._engine.dispose()

    def releases(self, model: str | None = None) -> tuple[ReleaseRow, ...]:
        """All releases, or those of one model, by model and version."""
        query = select(RELEASES).order_by(RELEASES.c.model, RELEASES.c.version)
        if model is not None:
            query = query.where(RELEASES.c.model == model)
        with self._transaction() as connection:
            moves = _moves_by_model(connection)
            found = [NewRelease(**row) for row in connection.execute(query).mappings()]
        return tuple(self._release_row(release, moves.get(release.model, ())) for release in found)

    def moves(self, model: str) -> tuple[Move, ...]:
        """The moves of one model, oldest first."""
        return self.moves_by_model().get(model, ())

    def moves_by_model(self) -> dict[str, tuple[Move, ...]]:
        """The moves of every model that has any, by name, oldest first."""
        with self._transaction() as connection:
            return _moves_by_model(connection)

    def servers(self) -> tuple[RegisteredServer, ...]:
        """The registered servers, by target."""
        query = select(SERVERS).order_by(SERVERS.c.target)
        with self._transaction() as connection:
            return tuple(RegisteredServer(**row) for row in connection.execute(query).mappings())

    def add(self, row: NewRelease | Move) -> None:
        """Adds a release, or a move.

        Raises:
          LedgerConflict: The version is taken, or the model has a move of that number.
        """
        with self._transaction() as connection:
            try:
                connection.execute(insert(RELEASES if isinstance(row, NewRelease) else MOVES).values(asdict(row)))
            except IntegrityError as error:  # its number was taken first
                raise conflict(row.model) from error

    @contextmanager
    def alone(self, subject: str = "") -> Iterator[None]:
        """Waits until nobody else works on `subject`, then keeps others out: here, and wherever the database is used.

        Args:
          subject: A model that is being published; empty for what is served.
        """
        with locked(self._root / subject), ExitStack() as held:
            with self._our_errors():
                held.enter_context(tables.alone(self._engine, subject))
            yield

    def put_server(self, target: str, pid: int | None, since: str, root: str | None = None) -> None:
        """Adds a server that this machine knows as `pid`, or replaces the one with the same target."""
        server = RegisteredServer(target=target, pid=pid, host=socket.gethostname(), since=since, root=root)
        with self._transaction() as connection:
            connection.execute(delete(SERVERS).where(SERVERS.c.target == target))
            connection.execute(insert(SERVERS).values(asdict(server)))

    def remove_server(self, target: str) -> None:
        """Removes a server, if it is there."""
        with self._transaction() as connection:
            connection.execute(delete(SERVERS).where(SERVERS.c.target == target))

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._our_errors(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _our_errors(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, OSError, ImportError) as error:  # ImportError: the driver that the URL asks for
            words = error.orig if isinstance(error, DBAPIError) else error  # SQLAlchemy adds a link and the statement
            raise LedgerError(
                f"the ledger of {self._root} cannot be read or written: {' '.join(str(words).split())}; "
                "check the database's URL, its permissions and the room on its disk"
            ) from error

    def _release_row(self, release: NewRelease, moves: tuple[Move, ...]) -> ReleaseRow:
        return ReleaseRow(
            **asdict(release),
            path=self._root / release.model / str(release.version),
            state=state_of(release.version, moves),
            live_periods=live_periods(release.version, moves),
            canary_periods=canary_periods(release.version, moves),
        )


def conflict(model: str) -> LedgerConflict:
    """The error for the one who came second."""
    return LedgerConflict(f"somebody else moved {model!r} meanwhile; see `slipline releases`, then decide again")


def _moves_by_model(connection: Connection) -> dict[str, tuple[Move, ...]]:
    query = select(MOVES).order_by(MOVES.c.model, MOVES.c.number)
    moves = [Move(**row) for row in connection.execute(query).mappings()]
    return {model: tuple(group) for model, group in groupby(moves, key=lambda move: move.model)}
