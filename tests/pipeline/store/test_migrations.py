"""A home of an earlier Slipline opens with all that it remembers; one of a later Slipline is left alone."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from slipline.pipeline.core.errors import StoreError
from slipline.pipeline.core.fingerprint import CacheKey
from slipline.pipeline.store.history import recorded_runs
from slipline.pipeline.store.lineage import trace
from slipline.pipeline.store.migrations import VERSION
from slipline.pipeline.store.store import Store
from tests.pipeline.in_process import ran
from tests.pipeline.toy import Check, Total, Words, toy_pipeline

RECORD = Path(__file__).with_name("first_tables.sql").read_text()
FILES = {
    "write/220d026c6bbc/words.txt": "pipe\nliner",
    "check/cc1a33733595": None,
    "check/b0b4b454d520": None,
    "add_up/7011876c7ff2/half": "half-written",
    "add_up/7011876c7ff2/total.txt": "9",
}
KEY_OF_TOTAL = "c0550fc3cb15bd2ee1cb33bfa138630e11971ad32f189f5e6781778f0e9b55d1"


@pytest.fixture
def old_home(tmp_path: Path) -> Path:
    """A home as it was written before tables had a version."""
    home = tmp_path / "old"
    for name, content in FILES.items():
        place = home / "runs" / name
        (place if content is None else place.parent).mkdir(parents=True, exist_ok=True)
        if content is not None:
            place.write_text(content)
    changed(home, RECORD)
    return home


def changed(home: Path, statements: str) -> None:
    connection = sqlite3.connect(home / "slipline.db")
    connection.executescript(statements)
    connection.close()


def asked(home: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(home / "slipline.db")
    rows = connection.execute(query).fetchall()
    connection.close()
    return rows


def tables_of(home: Path) -> dict[str, set[tuple[object, ...]]]:
    """Of every table each column's name, type, whether it must have a value, its default, and its place in the key."""
    names = [name for (name,) in asked(home, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {str(name): {row[1:] for row in asked(home, f"PRAGMA table_info({name})")} for name in names}


def test_what_an_old_home_made_is_found_again(old_home: Path) -> None:
    key = CacheKey(digest=KEY_OF_TOTAL, code="", frameworks=(), settings="{}", files="")
    with Store.open(old_home) as store:
        found = store.find(key, Total)
        assert found is not None
        assert found.artifact == Total(path=old_home / "runs/add_up/7011876c7ff2", value=9)
        assert store.find(key, Words) is None


def test_lineage_in_an_old_home_goes_back_to_the_data(old_home: Path) -> None:
    with Store.open(old_home) as store:
        behind = trace(store, "7011876c7ff2").executions
    assert [made.step for made in behind] == ["write", "check", "add_up"]
    assert [(taken.name, taken.gate) for taken in behind[-1].taken] == [("check", True), ("words", False)]


def test_a_run_of_an_old_home_that_ended_in_a_closed_gate_no_longer_counts_as_passed(old_home: Path) -> None:
    with Store.open(old_home) as store:
        rejected, passed = recorded_runs(store)
    assert (passed.outcome, passed.closed, passed.counts()) == ("passed", (), {"done": 3})
    assert (rejected.outcome, rejected.closed, rejected.counts()) == ("failed", ("check",), {"cached": 1, "done": 1})


def test_only_what_a_verdict_says_of_itself_closes_it(old_home: Path) -> None:
    """Facts within the facts say nothing of the whole."""
    facts = """{"passed": true, "reasons": [], "servers": [{"passed": false}]}"""
    changed(old_home, f"UPDATE execution SET facts = '{facts}' WHERE id = 'b0b4b454d520'")
    with Store.open(old_home) as store:
        assert [run.outcome for run in recorded_runs(store)] == ["passed", "passed"]


def test_a_run_that_was_killed_in_an_old_home_stays_interrupted(old_home: Path) -> None:
    changed(old_home, "UPDATE run SET passed = NULL, ended_at = NULL WHERE id = '62817e79bff8'")
    with Store.open(old_home) as store:
        assert recorded_runs(store)[0].outcome == "interrupted"
    assert asked(old_home, "SELECT passed FROM run WHERE id = '62817e79bff8'") == [(None,)]


def test_runs_go_on_in_an_old_home(old_home: Path) -> None:
    with Store.open(old_home) as store:
        run = ran(store, toy_pipeline())
        assert run.outcome == "passed"
        assert store.find(CacheKey(KEY_OF_TOTAL, "", (), "{}", ""), Total) is not None
    with Store.open(old_home) as store:
        assert recorded_runs(store)[0] == run


def test_an_old_home_has_the_tables_of_a_new_one_once_it_was_opened(old_home: Path, store: Store) -> None:
    with Store.open(old_home):
        pass
    assert tables_of(old_home) == tables_of(store.home)


@pytest.mark.parametrize(
    "left",
    [
        "ALTER TABLE run_step ADD COLUMN closed BOOLEAN DEFAULT 0 NOT NULL",
        "CREATE TABLE store_version (number INTEGER NOT NULL, PRIMARY KEY (number))",
    ],
)
def test_bringing_up_to_date_goes_on_where_a_kill_left_it(old_home: Path, store: Store, left: str) -> None:
    changed(old_home, left)
    with Store.open(old_home) as opened:
        assert [run.outcome for run in recorded_runs(opened)] == ["failed", "passed"]
    assert tables_of(old_home) == tables_of(store.home)


def test_a_home_that_names_an_earlier_version_names_the_present_one_once_it_was_opened(old_home: Path) -> None:
    with Store.open(old_home):
        pass
    changed(old_home, f"UPDATE store_version SET number = {VERSION - 1}")
    with Store.open(old_home):
        pass
    assert asked(old_home, "SELECT number FROM store_version") == [(VERSION,)]


def test_what_is_up_to_date_is_opened_as_it_is(old_home: Path) -> None:
    """What a later run says of its verdicts is not judged anew."""
    with Store.open(old_home):
        pass
    changed(old_home, "UPDATE run_step SET closed = 0")
    with Store.open(old_home) as store:
        assert [run.closed for run in recorded_runs(store)] == [(), ()]


def test_a_home_of_a_later_version_is_refused_and_left_as_it_is(old_home: Path) -> None:
    with Store.open(old_home):
        pass
    changed(old_home, f"UPDATE store_version SET number = {VERSION + 1}")
    before = tables_of(old_home)
    with pytest.raises(StoreError) as refused, Store.open(old_home):
        pass
    assert f"version {VERSION + 1}" in str(refused.value)
    assert "use the newer Slipline" in str(refused.value)
    assert tables_of(old_home) == before


def test_a_verdict_of_an_old_home_comes_back_with_its_reasons(old_home: Path) -> None:
    key = CacheKey("1a1c491d218b2b5dc034d295d3324403cf01457807c50d4c0e90e4fef70f9f01", "", (), "{}", "")
    with Store.open(old_home) as store:
        found = store.find(key, Check)
    assert found is not None
    assert isinstance(found.artifact, Check)
    assert found.artifact.reasons == ("2 words, at most 1",)
