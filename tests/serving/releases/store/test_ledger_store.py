import multiprocessing
import sqlite3
from concurrent import futures
from pathlib import Path

import pytest
from sqlalchemy import Table

from slipline.serving.errors import LedgerConflict
from slipline.serving.releases.store.ledger_store import LedgerStore
from slipline.serving.releases.store.ledger_tables import MOVES, RELEASES, SERVERS
from slipline.serving.releases.store.records import Move, NewRelease, RegisteredServer

pytestmark = pytest.mark.slow  # real processes, or whole steps, for each test

RELEASE = NewRelease(
    model="mnist",
    version=1,
    digest="0" * 64,
    size_bytes=5,
    predecessor=None,
    at="2026-01-01T00:00:00",
    by="ada",
    origin="execution",
)


def move(number: int, by: str = "ada") -> Move:
    return Move(
        model="mnist", number=number, kind="promoted", version=1, former=None, at=RELEASE.at, by=by, reason="first"
    )


def store_at(folder: Path) -> LedgerStore:
    return LedgerStore(f"sqlite:///{folder / 'ledger.sqlite'}", folder)


@pytest.mark.parametrize(("table", "record"), [(RELEASES, NewRelease), (MOVES, Move), (SERVERS, RegisteredServer)])
def test_columns_are_the_fields_of_the_record(table: Table, record: type) -> None:
    assert list(table.columns.keys()) == list(record.__dataclass_fields__)  # type: ignore[attr-defined]


def test_rows_come_back_as_they_went_in(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    store.add(RELEASE)
    store.add(move(1))
    (row,) = store.releases()
    assert {name: getattr(row, name) for name in NewRelease.__dataclass_fields__} == vars(RELEASE)
    assert store.moves("mnist") == (move(1),)
    assert store.moves("fashion") == ()
    store.close()


def test_taken_version_is_a_conflict(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    store.add(RELEASE)
    with pytest.raises(LedgerConflict, match="somebody else moved 'mnist' meanwhile"):
        store.add(RELEASE)
    store.close()


def moved_elsewhere(folder: Path, by: str) -> list[int]:
    """The numbers of those moves that this process was first to make."""
    store = store_at(folder)
    won = []
    for number in range(1, 101):
        try:
            store.add(move(number, by))
        except LedgerConflict:
            continue
        won.append(number)
    store.close()
    return won


def test_each_number_is_won_by_one_process(tmp_path: Path) -> None:
    """Also without the lock on the root, as on two machines that share a database only."""
    store = store_at(tmp_path)
    store.add(RELEASE)
    people = ["ada", "bob", "eve"]
    with futures.ProcessPoolExecutor(3, multiprocessing.get_context("spawn")) as pool:
        won = list(pool.map(moved_elsewhere, [tmp_path] * 3, people))
    assert sorted(number for numbers in won for number in numbers) == list(range(1, 101))
    makers = {made.number: made.by for made in store.moves("mnist")}
    assert makers == {number: by for by, numbers in zip(people, won, strict=True) for number in numbers}
    store.close()


def opened_elsewhere(folder: Path) -> None:
    store_at(folder).close()


def test_processes_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    with futures.ProcessPoolExecutor(4, multiprocessing.get_context("spawn")) as pool:
        for round_ in range(10):
            folder = tmp_path / str(round_)
            folder.mkdir()
            list(pool.map(opened_elsewhere, [folder] * 4))


def test_database_of_an_earlier_version_gets_the_columns_it_lacks(tmp_path: Path) -> None:
    """Nothing in it is lost."""
    store = store_at(tmp_path)
    store.add(RELEASE)
    store.add(move(1))
    store.close()
    with sqlite3.connect(tmp_path / "ledger.sqlite") as database:
        database.execute("ALTER TABLE moves DROP COLUMN percent")
        database.execute("ALTER TABLE moves DROP COLUMN figures")
        database.execute("ALTER TABLE servers DROP COLUMN root")
    store = store_at(tmp_path)
    store.put_server("host:8500", None, RELEASE.at, "/models")
    assert store.moves("mnist") == (move(1),)
    assert store.servers()[0].root == "/models"
    store.close()
