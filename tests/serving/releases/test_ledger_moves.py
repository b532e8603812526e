"""Promoting and rolling back, as the config file shows it."""

import os
import shutil

import pytest

from slipline.serving.errors import NoEarlierRelease, PromotionFailed, ReleaseNotFound
from slipline.serving.folders.model_config import render
from slipline.serving.releases.ledger import Ledger
from slipline.serving.releases.store.ledger_store import LedgerStore
from slipline.serving.releases.store.records import Move
from slipline.serving.server.versions.sources import read_config_file
from tests.serving.releases.ledger_parts import (
    StrictServer,
    config,
    promote,
    publish,
    running,
    served,
)


def test_first_promotion_serves_that_version_alone(ledger: Ledger) -> None:
    publish(ledger, "a")
    release = ledger.promote("mnist", 1, by="ada", reason="first")
    assert (release.version, release.state, release.warnings) == (1, "live", ())
    assert config(ledger) == served(ledger, (1,), stable=1)


def test_promotion_keeps_the_former_version_loaded(ledger: Ledger) -> None:
    for content in "abc":
        publish(ledger, content)
    promote(ledger, 1, 2, 3)
    assert config(ledger) == served(ledger, (2, 3), stable=3)


def test_roll_back_withdraws_and_unloads_the_present_version(ledger: Ledger) -> None:
    publish(ledger, "a")
    publish(ledger, "b")
    promote(ledger, 1, 2)
    assert ledger.roll_back("mnist", by="bob", reason="accuracy fell").version == 1
    assert config(ledger) == served(ledger, (1,), stable=1)
    assert ledger.release("mnist", 2).state == "withdrawn"


def test_roll_back_may_name_the_release(ledger: Ledger) -> None:
    for content in "abc":
        publish(ledger, content)
    promote(ledger, 1, 2, 3)
    assert ledger.roll_back("mnist", to=1, by="bob", reason="both are bad").version == 1
    assert config(ledger) == served(ledger, (1,), stable=1)


def test_roll_back_without_an_earlier_release_is_refused(ledger: Ledger) -> None:
    publish(ledger, "a")
    publish(ledger, "b")
    promote(ledger, 1)
    with pytest.raises(
        NoEarlierRelease, match=r"no release of 'mnist' was live before .* `slipline promote MODEL VERS"
    ):
        ledger.roll_back("mnist", by="bob", reason="")
    with pytest.raises(NoEarlierRelease, match="version 2 of 'mnist' is never live"):
        ledger.roll_back("mnist", to=2, by="bob", reason="")
    with pytest.raises(NoEarlierRelease, match="version 1 of 'mnist' is live now"):
        ledger.roll_back("mnist", to=1, by="bob", reason="")


def test_promoting_the_live_version_again_only_puts_its_config_in_force(ledger: Ledger) -> None:
    publish(ledger, "a")
    promote(ledger, 1)
    ledger.config_path.unlink()
    releases = ledger.releases()
    promote(ledger, 1)
    assert ledger.releases() == releases
    assert config(ledger) == served(ledger, (1,), stable=1)


def test_promoting_an_unknown_version_changes_nothing(ledger: Ledger) -> None:
    with pytest.raises(ReleaseNotFound):
        promote(ledger, 1)
    assert not ledger.config_path.exists()


def test_altered_version_is_not_promoted(ledger: Ledger) -> None:
    publish(ledger, "a")
    publish(ledger, "b")
    promote(ledger, 1)
    (ledger.root / "mnist" / "2" / "saved_model.pb").write_text("c")
    with pytest.raises(PromotionFailed, match=r"version 1 stays live: .* not what was published: .*saved_model.pb"):
        promote(ledger, 2)
    assert config(ledger) == served(ledger, (1,), stable=1)


@pytest.mark.parametrize("with_server", [False, True])
def test_roll_back_to_an_altered_version_is_refused_even_if_it_is_served(ledger: Ledger, with_server: bool) -> None:
    publish(ledger, "a")
    publish(ledger, "b")
    server = StrictServer()
    with running(server) as target:
        if with_server:
            ledger.register_server(target, os.getpid())
        promote(ledger, 1, 2)
        before, configured = ledger.releases(), server.configs[-1:]
        shutil.rmtree(ledger.root / "mnist" / "1")
        with pytest.raises(PromotionFailed, match=r"version 2 stays live: .* not what was published: .* missing"):
            ledger.roll_back("mnist", by="bob", reason="accuracy fell")
    assert (ledger.releases(), config(ledger)) == (before, served(ledger, (1, 2), stable=2))
    assert server.configs[-1:] == configured


def move_without_config(ledger: Ledger, version: int) -> None:
    """Leaves what a crash between a move and the writing of its file does."""
    store = LedgerStore(f"sqlite:///{ledger.root / 'ledger.sqlite'}", ledger.root)
    former = store.moves("mnist")[-1]
    store.add(
        Move(
            model="mnist",
            number=former.number + 1,
            kind="promoted",
            version=version,
            former=former.version,
            at=former.at,
            by="ada",
            reason="crashed",
        )
    )
    store.close()


def test_move_whose_file_a_crash_left_unwritten_is_mended_by_the_next_promotion_or_roll_back(ledger: Ledger) -> None:
    """Even if that one fails."""
    for content in "abc":
        publish(ledger, content)
    promote(ledger, 1)
    move_without_config(ledger, 2)
    for version in ("1", "3"):
        (ledger.root / "mnist" / version / "more").touch()
    with pytest.raises(PromotionFailed, match="not what was published"):
        promote(ledger, 3)
    assert config(ledger) == served(ledger, (1, 2), stable=2)
    move_without_config(ledger, 3)
    with pytest.raises(PromotionFailed, match="not what was published"):
        ledger.roll_back("mnist", to=1, by="ada", reason="third is bad")
    assert config(ledger) == served(ledger, (2, 3), stable=3)


def test_config_holds_every_model_that_is_live(ledger: Ledger) -> None:
    publish(ledger, "a")
    publish(ledger, "b", model="fashion")
    promote(ledger, 1)
    assert list(read_config_file(ledger.config_path)) == ["mnist"]
    ledger.promote("fashion", 1, by="ada", reason="first")
    assert list(read_config_file(ledger.config_path)) == ["fashion", "mnist"]


def test_rewritten_config_says_what_the_ledger_says(ledger: Ledger) -> None:
    ledger.rewrite_config()
    assert config(ledger) == render([])
    publish(ledger, "a")
    promote(ledger, 1)
    ledger.config_path.write_text("damaged")
    assert ledger.rewrite_config() == ledger.config_path
    assert config(ledger) == served(ledger, (1,), stable=1)
