"""The story of a release, told to a real server process through its public API alone."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import pytest

from slipline.serving.client import PredictClient
from slipline.serving.errors import BadRequest, ModelNotFound, PromotionFailed, ServingError, VersionNotReady
from tests.callers import Callers
from tests.tfserving.release_site import READY_TIMEOUT_S, Site, X

pytestmark = pytest.mark.tfserving

REFUSED = (ModelNotFound, VersionNotReady, BadRequest)


def wait_until(holds: Callable[[], bool]) -> None:
    end_s = time.monotonic() + READY_TIMEOUT_S
    while not holds():
        assert time.monotonic() < end_s
        time.sleep(0.02)


def test_published_release_is_served_once_it_is_promoted(site: Site, model: str) -> None:
    version = site.publish(model, 10.0)
    with pytest.raises(REFUSED):
        site.answer(model)
    site.promote(model, version)
    assert site.answer(model) == site.answer(model, label="stable") == (1, 10.0)


def test_second_version_is_loaded_beside_the_first_and_takes_the_label(site: Site, model: str) -> None:
    site.promote(model, site.publish(model, 10.0))
    second = site.publish(model, 20.0)
    assert site.answer(model, label="stable") == (1, 10.0)
    site.promote(model, second)
    assert site.answer(model, label="stable") == (2, 20.0)
    assert site.answer(model, version=1) == (1, 10.0)


def test_roll_back_moves_the_label_to_the_version_before(site: Site, model: str) -> None:
    for factor in (10.0, 20.0):
        site.promote(model, site.publish(model, factor))
    assert site.roll_back(model) == 1
    assert site.answer(model, label="stable") == (1, 10.0)
    wait_until(lambda: site.state(model, 2) == "END")
    assert site.answer(model) == (1, 10.0)


def test_roll_back_to_a_version_that_is_loaded_no_more_loads_it_again(site: Site, model: str) -> None:
    for factor in (10.0, 20.0, 30.0):
        site.promote(model, site.publish(model, factor))
    wait_until(lambda: site.state(model, 1) == "END")
    assert site.roll_back(model, to=1) == 1
    assert site.answer(model, label="stable") == (1, 10.0)


@pytest.mark.parametrize("asked", [{"version": 7}, {"label": "nix"}])
def test_version_or_label_that_is_missing_is_refused(site: Site, model: str, asked: dict[str, object]) -> None:
    site.promote(model, site.publish(model, 10.0))
    with pytest.raises(REFUSED):
        site.answer(model, **asked)  # type: ignore[arg-type]


def test_release_whose_folder_is_gone_is_not_promoted_and_the_live_one_stays(site: Site, model: str) -> None:
    site.promote(model, site.publish(model, 10.0))
    second = site.publish(model, 20.0)
    shutil.rmtree(site.ledger.release(model, second).path)
    with pytest.raises(PromotionFailed):
        site.promote(model, second)
    assert site.answer(model, label="stable") == (1, 10.0)


def test_release_that_cannot_be_loaded_is_not_promoted_and_the_next_one_is(site: Site, model: str) -> None:
    site.promote(model, site.publish(model, 10.0))
    broken = site.sources / f"broken-{model}"
    broken.mkdir()
    (broken / "saved_model.pb").write_bytes(b"\x08\x01")
    second = site.ledger.publish(model, broken, by="ada", origin="test").version
    with pytest.raises(PromotionFailed):
        site.promote(model, second)
    assert site.answer(model, label="stable") == (1, 10.0)
    site.promote(model, site.publish(model, 30.0))
    assert site.answer(model, label="stable") == (3, 30.0)


def test_canary_has_a_label_of_its_own_until_it_is_withdrawn(site: Site, model: str) -> None:
    site.promote(model, site.publish(model, 10.0))
    second = site.publish(model, 20.0)
    site.ledger.start_canary(model, second, percent=5, by="ada", reason="try it")
    assert site.answer(model, label="canary") == (2, 20.0)
    assert site.answer(model, label="stable") == (1, 10.0)
    site.ledger.withdraw_canary(model, by="ada", reason="it disagrees")
    assert site.answer(model, label="canary") == (1, 10.0)


@pytest.mark.slow
def test_server_that_crashed_comes_back_with_what_is_live_and_its_label(site: Site, model: str) -> None:
    """Its config file has labels, which it checks before it loads."""
    for factor in (10.0, 20.0):
        site.promote(model, site.publish(model, factor))
    site.roll_back(model)
    site.restart()
    with PredictClient.connect(site.target, model) as client:
        client.wait_until_available(1, timeout_s=READY_TIMEOUT_S)
    wait_until(lambda: answers(site, model) == (1, 10.0))
    site.promote(model, site.publish(model, 30.0))
    assert site.answer(model, label="stable") == (3, 30.0)


def answers(site: Site, model: str) -> tuple[int, float] | None:
    """A label may take a poll of the config file after a restart."""
    try:
        return site.answer(model, label="stable")
    except ServingError:
        return None


def ask_stable(client: PredictClient) -> tuple[int, float]:
    """The version that answered, and its answer."""
    prediction = client.predict({"x": X}, label="stable")
    return prediction.version, float(prediction.outputs["y"][0])


@pytest.mark.parametrize(
    ("callers", "rounds"), [(4, 2), pytest.param(32, 25, marks=pytest.mark.slow)], ids=["quick", "thorough"]
)
def test_no_request_fails_while_the_label_moves(site: Site, model: str, callers: int, rounds: int) -> None:
    """Each round is two switches; every answer is that of a version that was live."""
    first, second = site.publish(model, 10.0), site.publish(model, 20.0)
    site.promote(model, first)
    with ExitStack() as connections:
        clients = [
            connections.enter_context(PredictClient.connect(site.target, model, timeout_s=30)) for _ in range(callers)
        ]
        with Callers([partial(ask_stable, client) for client in clients]) as asked:
            for _ in range(rounds):
                site.promote(model, second)
                assert site.roll_back(model) == first
    assert asked.errors == []
    assert set(asked.answers) <= {(1, 10.0), (2, 20.0)}
    assert len(asked.answers) > callers
