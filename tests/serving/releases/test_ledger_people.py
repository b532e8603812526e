"""Several people at once, in processes of their own, on either database."""

import multiprocessing
import re
import shutil
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import psycopg
import pytest

from slipline.serving.errors import LedgerConflict, LedgerError
from slipline.serving.folders.version_folder import verify
from slipline.serving.folders.whole_file import locked
from slipline.serving.releases.compare.comparison import Comparison
from slipline.serving.releases.ledger import ExpectedLive, Ledger
from tests.serving.releases.ledger_parts import config, promote, publish, served
from tests.serving.releases.postgres import running_postgres
from tests.serving.releases.test_ledger_canary import FIGURES

pytestmark = pytest.mark.slow  # real processes, or whole steps, for each test

LOST = "somebody else moved 'mnist' meanwhile; see `slipline releases`, then decide again"


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with running_postgres() as url:
        yield url


@pytest.fixture
def database(postgres: str, request: pytest.FixtureRequest) -> str:
    """An empty PostgreSQL database."""
    name = re.sub(r"\W", "_", request.node.name.lower())[:50]
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return postgres.rpartition("/")[0] + f"/{name}"


def promoted_elsewhere(url: str | None, root: Path, version: int) -> str:
    with Ledger(url, root) as ledger:
        try:
            ledger.promote("mnist", version, by=f"person {version}", reason="mine is better")
        except LedgerConflict as error:
            return str(error)
    return "won"


def published_elsewhere(url: str | None, root: Path, content: str) -> int:
    with Ledger(url, root) as ledger:
        return publish(ledger, content).version


def files_waited_for(path: Path) -> int:
    """How many processes wait for the lock on `path`, as the kernel lists them."""
    waiting = re.compile(rf"-> FLOCK .*:{path.stat().st_ino} ")
    return len(waiting.findall(Path("/proc/locks").read_text()))


def locks_waited_for(url: str) -> int:
    """How many connections wait for one of our locks in the database."""
    query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with psycopg.connect(url) as connection:
        (count,) = connection.execute(query).fetchone() or (0,)
    return int(count)


def assert_one_won(outcomes: list[str], ledger: Ledger) -> None:
    assert sorted(outcomes) == [LOST, LOST, "won"]
    winner = outcomes.index("won") + 1
    assert [release.version for release in ledger.releases() if release.live_periods] == [winner]
    ledger.rewrite_config()
    assert config(ledger) == served(ledger, (winner,), stable=winner)


def test_of_people_who_promote_at_once_one_wins(tmp_path: Path) -> None:
    """Each of them looked at the ledger before the first of them moved the model."""
    root = tmp_path / "releases"
    with Ledger(None, root) as ledger:
        for content in "abc":
            publish(ledger, content)
        with futures.ProcessPoolExecutor(3, multiprocessing.get_context("spawn")) as pool:
            with locked(root):
                answers = [pool.submit(promoted_elsewhere, None, root, version) for version in (1, 2, 3)]
                while files_waited_for(root / ".lock") < 3:
                    assert not futures.wait(answers, timeout=0.05).done
            assert_one_won([answer.result() for answer in answers], ledger)


def test_of_people_at_machines_that_share_a_database_one_wins(database: str, tmp_path: Path) -> None:
    """They have no file system in common, so the lock is the database's."""
    roots = [tmp_path / f"machine-{number}" / "releases" for number in range(4)]
    with Ledger(database, roots[0]) as ledger:
        for content in "abc":
            publish(ledger, content)
        for root in roots[1:]:
            shutil.copytree(roots[0], root)
        with futures.ProcessPoolExecutor(3, multiprocessing.get_context("spawn")) as pool:
            with ledger.alone():
                answers = [pool.submit(promoted_elsewhere, database, roots[v], v) for v in (1, 2, 3)]
                while locks_waited_for(database) < 3:
                    assert not futures.wait(answers, timeout=0.05).done
            assert_one_won([answer.result() for answer in answers], ledger)


@pytest.mark.parametrize("on_postgres", [False, True])
def test_processes_that_publish_at_once_get_different_versions(
    on_postgres: bool, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """They make the tables at once, too."""
    url = request.getfixturevalue("database") if on_postgres else None
    root, contents = tmp_path / "releases", "abcdef"
    with futures.ProcessPoolExecutor(6, multiprocessing.get_context("spawn")) as pool:
        versions = list(pool.map(published_elsewhere, [url] * 6, [root] * 6, contents))
    assert sorted(versions) == [1, 2, 3, 4, 5, 6]
    with Ledger(url, root) as ledger:
        assert all(verify(release.path) == () for release in ledger.releases())


@pytest.mark.parametrize("on_postgres", [False, True])
def test_a_release_is_promoted_only_if_that_is_live_which_it_was_compared_with(
    on_postgres: bool, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = request.getfixturevalue("database") if on_postgres else None
    with Ledger(url, tmp_path / "releases") as ledger:
        for content in "abc":
            publish(ledger, content)
        ledger.promote("mnist", 1, by="ada", reason="first", only_if_live=ExpectedLive(None))
        ledger.promote("mnist", 2, by="ada", reason="second", only_if_live=ExpectedLive(1))
        for expected, words in ((1, "version 1"), (None, "none")):
            with pytest.raises(
                LedgerConflict, match=f"mnist version 2 went live since the new model was compared with {words}; run"
            ):
                ledger.promote("mnist", 3, by="ada", reason="third", only_if_live=ExpectedLive(expected))
        assert config(ledger) == served(ledger, (1, 2), stable=2)


def test_everything_is_kept_in_postgresql_as_in_sqlite(database: str, tmp_path: Path) -> None:
    told: list[list[tuple[object, ...]]] = []
    for url, root in ((None, tmp_path / "a" / "releases"), (database, tmp_path / "b" / "releases")):
        with Ledger(url, root) as ledger:
            for content in "abc":
                publish(ledger, content)
            promote(ledger, 1, 2)
            ledger.start_canary("mnist", 3, percent=5.0, by="ada", reason="try it")
            ledger.withdraw_canary("mnist", by="bob", reason="too slow", figures=FIGURES)
            ledger.roll_back("mnist", by="bob", reason="worse")
        with Ledger(url, root) as again:
            told.append([facts(again, version) for version in (1, 2, 3)])
    assert told[0] == told[1]
    assert told[0][2][-1] == FIGURES


def facts(ledger: Ledger, version: int) -> tuple[object, ...]:
    release = ledger.release("mnist", version)
    measured: Comparison | None = release.canary_periods[0].figures if release.canary_periods else None
    reasons = tuple((period.reason, period.by, period.until_reason, period.until_by) for period in release.live_periods)
    return release.state, release.digest, release.origin, reasons, measured


def test_a_database_that_cannot_be_reached_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"cannot be read or written: .*refused.*; check the database's URL"):
        Ledger("postgresql://ledger@127.0.0.1:9/none", tmp_path)
