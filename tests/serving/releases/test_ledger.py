from pathlib import Path

import pytest

from slipline.serving.errors import LedgerError, PublishFailed, ReleaseNotFound
from slipline.serving.folders.version_folder import publish_folder
from slipline.serving.releases.ledger import Ledger
from tests.serving.releases.ledger_parts import (
    model_folder,
    promote,
    publish,
)


def test_versions_count_from_one_for_each_model(ledger: Ledger) -> None:
    assert [publish(ledger, content).version for content in "abc"] == [1, 2, 3]
    assert publish(ledger, "a", model="fashion").version == 1


def test_published_release_tells_where_it_is_from(ledger: Ledger) -> None:
    release = publish(ledger, "a")
    assert release == ledger.release("mnist", 1)
    assert (release.by, release.origin) == ("ada", "execution-a")
    assert (release.path, release.state, release.predecessor) == (ledger.root / "mnist" / "1", "published", None)
    assert (release.path / "saved_model.pb").read_text() == "a"


def test_same_content_is_published_once(ledger: Ledger) -> None:
    assert publish(ledger, "a") == publish(ledger, "a")
    assert len(ledger.releases("mnist")) == 1


def test_content_whose_release_was_damaged_is_published_anew(ledger: Ledger) -> None:
    (publish(ledger, "a").path / "saved_model.pb").write_text("b")
    again = publish(ledger, "a")
    assert again.version == 2
    assert ledger.find_by_digest("mnist", again.digest) == again


def test_release_is_found_by_its_digest(ledger: Ledger) -> None:
    release = publish(ledger, "a")
    assert ledger.find_by_digest("mnist", release.digest) == release
    assert ledger.find_by_digest("mnist", "0" * 64) is None
    assert ledger.find_by_digest("fashion", release.digest) is None


def test_predecessor_is_what_was_live_at_the_time(ledger: Ledger) -> None:
    publish(ledger, "a")
    promote(ledger, 1)
    assert publish(ledger, "b").predecessor == 1
    promote(ledger, 2)
    assert publish(ledger, "c").predecessor == 2
    assert ledger.release("mnist", 2).predecessor == 1


def test_folder_left_by_a_crash_is_adopted_if_it_holds_the_same(ledger: Ledger) -> None:
    publish_folder(model_folder(ledger.root, "a"), ledger.root / "mnist", 1)
    assert publish(ledger, "a").version == 1
    assert publish(ledger, "b").version == 2


def test_number_of_a_folder_left_by_a_crash_is_passed_over_if_it_holds_something_else(ledger: Ledger) -> None:
    publish_folder(model_folder(ledger.root, "a"), ledger.root / "mnist", 1)
    (ledger.root / "mnist" / "7").mkdir()
    assert publish(ledger, "b").version == 8


def test_failed_publishing_adds_no_release(ledger: Ledger) -> None:
    with pytest.raises(PublishFailed, match="there is none"):
        ledger.publish("mnist", ledger.root / "nowhere", by="ada", origin="")
    assert ledger.releases() == ()


@pytest.mark.parametrize("name", ["", "../mnist", "a/b", ".hidden", "7 up"])
def test_model_name_that_is_no_folder_name_is_refused(name: str, ledger: Ledger) -> None:
    with pytest.raises(PublishFailed, match="a model's name has letters, digits"):
        publish(ledger, "a", model=name)


@pytest.mark.parametrize("name", ["models.config", "ledger.sqlite", "ledger.sqlite-wal"])
def test_model_name_of_one_of_the_ledgers_files_is_refused(name: str, ledger: Ledger) -> None:
    with pytest.raises(PublishFailed, match=rf"a model cannot be called '{name}': files .*; choose another name"):
        publish(ledger, "a", model=name)


def test_unknown_version_names_those_there_are_and_the_command(ledger: Ledger) -> None:
    publish(ledger, "a")
    with pytest.raises(ReleaseNotFound, match=r"wanted version 4 of 'mnist', .* has 1; `slipline releases`"):
        ledger.release("mnist", 4)


def test_nothing_is_live_in_a_new_ledger(ledger: Ledger) -> None:
    assert ledger.live("mnist") is None
    assert ledger.releases() == ledger.servers() == ()


def test_ledger_outlives_its_process(root: Path) -> None:
    with Ledger(None, root) as ledger:
        publish(ledger, "a")
        promote(ledger, 1)
        releases = ledger.releases()
    with Ledger(None, root) as ledger:
        assert ledger.releases() == releases
        live = ledger.live("mnist")
        assert live is not None
        assert live.version == 1


def test_releases_tell_who_was_live_from_when_to_when_and_why(ledger: Ledger) -> None:
    publish(ledger, "a")
    publish(ledger, "b")
    promote(ledger, 1, 2)
    ledger.roll_back("mnist", by="bob", reason="accuracy fell")
    first, second = ledger.releases("mnist")
    assert [(period.reason, period.until_reason) for period in first.live_periods] == [
        ("promote 1", "promote 2"),
        ("accuracy fell", None),
    ]
    assert [(period.reason, period.until_reason) for period in second.live_periods] == [("promote 2", "accuracy fell")]
    assert second.live_periods[0].until == first.live_periods[1].since


def test_damaged_database_is_an_error_with_a_remedy(root: Path) -> None:
    root.mkdir()
    (root / "ledger.sqlite").write_text("not a database " * 100)
    with pytest.raises(
        LedgerError, match=r"cannot be read or written: file is not a database; check the database's URL"
    ):
        Ledger(None, root)


def test_root_that_cannot_be_made_is_an_error_with_a_remedy(root: Path) -> None:
    root.write_text("a file")
    with pytest.raises(LedgerError, match=r"cannot be read or written: .* check the database's URL, its permissions"):
        Ledger(None, root)


def test_model_folder_that_cannot_be_made_is_an_error_with_a_remedy(ledger: Ledger) -> None:
    (ledger.root / "mnist").write_text("a file")
    with pytest.raises(LedgerError, match=r"cannot work in .*mnist: File exists; mend its permissions"):
        publish(ledger, "a")


def test_url_of_an_unknown_database_is_an_error_with_a_remedy(root: Path) -> None:
    with pytest.raises(LedgerError, match="check the database's URL"):
        Ledger("nosuchdatabase://host/ledger", root)
