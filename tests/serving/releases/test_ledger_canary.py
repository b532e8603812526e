"""A version on trial: what the ledger records of it, and what servers and clients are told."""

import json
import os

import pytest

from slipline.serving.errors import LedgerConflict, PromotionFailed, ReleaseNotFound
from slipline.serving.releases.compare.comparison import Comparison
from slipline.serving.releases.ledger import Ledger
from tests.serving.releases.ledger_parts import StrictServer, config, promote, publish, running, served

FIGURES = Comparison(
    requests=40,
    stable_errors=0,
    errors=0,
    inputs=40,
    disagreements=1,
    stable_p50_ms=1.0,
    stable_p95_ms=2.0,
    p50_ms=1.5,
    p95_ms=2.5,
)


@pytest.fixture
def ledger(ledger: Ledger) -> Ledger:
    """Version 2 is live, version 1 was before, version 3 is published."""
    for content in "abc":
        publish(ledger, content)
    promote(ledger, 1, 2)
    return ledger


def start(ledger: Ledger, version: int = 3, percent: float = 5.0) -> None:
    ledger.start_canary("mnist", version, percent=percent, by="ada", reason="try it")


def shares(ledger: Ledger) -> object:
    return json.loads((ledger.root / "canary.json").read_text())


def test_a_trial_moves_the_label_canary_and_leaves_stable(ledger: Ledger) -> None:
    start(ledger)
    assert config(ledger) == served(ledger, (1, 2, 3), stable=2, canary=3)
    assert [release.state for release in ledger.releases()] == ["superseded", "live", "canary"]
    assert shares(ledger) == {"mnist": 5.0}


def test_withdrawing_it_makes_canary_the_live_version_again(ledger: Ledger) -> None:
    start(ledger)
    withdrawn = ledger.withdraw_canary("mnist", by="bob", reason="too slow", figures=FIGURES)
    assert config(ledger) == served(ledger, (1, 2), stable=2)
    assert (withdrawn.version, withdrawn.state, shares(ledger)) == (3, "withdrawn", {})
    (period,) = withdrawn.canary_periods
    assert (period.percent, period.by, period.reason) == (5.0, "ada", "try it")
    assert (period.until_by, period.until_reason, period.figures) == ("bob", "too slow", FIGURES)


def test_promoting_it_ends_the_trial_and_keeps_the_figures(ledger: Ledger) -> None:
    start(ledger)
    release = ledger.promote("mnist", 3, by="ada", reason="kept within its limits", figures=FIGURES)
    assert config(ledger) == served(ledger, (2, 3), stable=3)
    assert (release.state, release.live_periods[0].figures, release.canary_periods[0].figures) == (
        "live",
        FIGURES,
        FIGURES,
    )
    assert shares(ledger) == {}


def test_another_version_is_not_promoted_or_tried_during_a_trial(ledger: Ledger) -> None:
    publish(ledger, "d")
    start(ledger)
    before = config(ledger)
    words = r"version 3 of 'mnist' is on trial since .* begun by ada; .*`slipline canary mnist --withdraw --reason WHY`"
    with pytest.raises(LedgerConflict, match=words):
        promote(ledger, 4)
    with pytest.raises(LedgerConflict, match=words):
        start(ledger, 4)
    assert config(ledger) == before


def test_a_roll_back_is_always_allowed_and_ends_the_trial(ledger: Ledger) -> None:
    start(ledger)
    ledger.roll_back("mnist", by="bob", reason="both are bad")
    assert config(ledger) == served(ledger, (1,), stable=1)
    assert [release.state for release in ledger.releases()] == ["live", "withdrawn", "withdrawn"]


def test_trying_the_version_on_trial_again_changes_its_share(ledger: Ledger) -> None:
    start(ledger)
    start(ledger, percent=20.0)
    assert shares(ledger) == {"mnist": 20.0}
    assert [period.percent for period in ledger.release("mnist", 3).canary_periods] == [5.0, 20.0]


def test_the_live_version_cannot_be_tried_nor_any_where_nothing_is_live(ledger: Ledger) -> None:
    with pytest.raises(PromotionFailed, match="cannot be tried beside the live one: it is live already"):
        start(ledger, 2)
    publish(ledger, "a", model="fashion")
    with pytest.raises(PromotionFailed, match=r"nothing is live yet; `slipline promote fashion 1` makes it live"):
        ledger.start_canary("fashion", 1, percent=5.0, by="ada", reason="try it")


def test_withdrawing_where_nothing_is_on_trial_says_so(ledger: Ledger) -> None:
    with pytest.raises(ReleaseNotFound, match=r"no version of 'mnist' is on trial; `slipline releases mnist` says"):
        ledger.withdraw_canary("mnist", by="bob", reason="")


def test_servers_load_the_canary_first_and_label_it_second(ledger: Ledger) -> None:
    server = StrictServer()
    with running(server) as target:
        ledger.register_server(target, os.getpid())
        promote(ledger, 2)
        calls = len(server.configs)
        start(ledger)
        ledger.withdraw_canary("mnist", by="bob", reason="too slow")
    assert server.configs[calls:] == [((2, 3), 2), ((1, 2, 3), 2), ((1, 2), 2)]
    assert server.canaries[calls:] == [2, 3, 2]


def test_a_trial_that_a_server_refuses_is_undone(ledger: Ledger) -> None:
    server = StrictServer(refuse_label=3)
    with running(server) as target:
        ledger.register_server(target, os.getpid())
        promote(ledger, 2)
        with pytest.raises(PromotionFailed, match=r"version 3 of 'mnist' was not put on trial, version 2 stays live: "):
            start(ledger)
    assert config(ledger) == served(ledger, (1, 2), stable=2)
    assert (ledger.release("mnist", 3).state, shares(ledger)) == ("published", {})
    assert (server.configs[-1], server.canaries[-1]) == (((1, 2), 2), 2)
