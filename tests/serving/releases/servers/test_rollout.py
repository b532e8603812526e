"""The ledger against real server processes with real models."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slipline.serving.client import PredictClient
from slipline.serving.client.control import ServerControl
from slipline.serving.errors import PromotionFailed
from slipline.serving.releases.ledger import Ledger
from tests.callers import Callers
from tests.serving.conftest import until

pytestmark = pytest.mark.slow  # real processes, or whole steps, for each test

Connect = Callable[..., PredictClient]
StartProcess = Callable[..., Any]


@pytest.fixture
def ledger(ledger: Ledger, scalers: Path) -> Ledger:
    """Two releases of `scaler`, none of them live; version 1 answers `y = 10 x`, version 2 `y = 20 x`."""
    for version in (1, 2):
        ledger.publish("scaler", scalers / str(version), by="ada", origin="execution")
    ledger.rewrite_config()
    return ledger


@pytest.fixture
def serve(ledger: Ledger, start_process: StartProcess) -> Callable[[], Any]:
    """Starts a server process that follows the ledger, and registers it."""

    def begin() -> Any:
        server = start_process(
            f"--model_config_file={ledger.config_path}",
            "--model_config_file_poll_wait_seconds=1",
            "--max_num_load_retries=0",
        )
        ledger.register_server(server.address, server.process.pid)
        return server

    return begin


def promote(ledger: Ledger, version: int) -> None:
    assert ledger.promote("scaler", version, by="ada", reason="better").warnings == ()


def answer(client: PredictClient, **spec: Any) -> tuple[int, float]:
    """The version that answered, and what one is scaled to."""
    prediction = client.predict({"x": np.ones(1, np.float32)}, **spec)
    return prediction.version, float(prediction.outputs["y"][0])


def callers_of(connect: Connect, target: str) -> Callers[tuple[int, float]]:
    """Four, each over a connection of its own, who ask for `stable`."""
    return Callers([partial(answer, connect(target), label="stable") for _ in range(4)])


def test_no_request_fails_while_releases_change(ledger: Ledger, serve: Callable[[], Any], connect: Connect) -> None:
    """Promoted, promoted and rolled back under load: every request for `stable` is answered by a live version."""
    server = serve()
    promote(ledger, 1)
    with callers_of(connect, server.address) as callers:
        promote(ledger, 2)
        ledger.roll_back("scaler", by="bob", reason="accuracy fell")
        promote(ledger, 2)
        ledger.roll_back("scaler", by="bob", reason="accuracy fell again")
    assert callers.errors == []
    assert set(callers.answers) == {(1, 10.0), (2, 20.0)}
    assert answer(connect(server.address), label="stable") == (1, 10.0)


def test_promotion_and_roll_back_reach_every_server(ledger: Ledger, serve: Callable[[], Any], connect: Connect) -> None:
    clients = [connect(serve().address) for _ in range(2)]
    promote(ledger, 1)
    promote(ledger, 2)
    assert [answer(client, label="stable") for client in clients] == [(2, 20.0)] * 2
    ledger.roll_back("scaler", by="bob", reason="accuracy fell")
    assert [answer(client, label="stable") for client in clients] == [(1, 10.0)] * 2


def test_withdrawn_version_soon_answers_nobody(ledger: Ledger, serve: Callable[[], Any], connect: Connect) -> None:
    """Not even those who ask by the model's name, and get the highest version loaded."""
    server = serve()
    promote(ledger, 1)
    promote(ledger, 2)
    client = connect(server.address)
    assert answer(client)[0] == 2
    ledger.roll_back("scaler", by="bob", reason="accuracy fell")
    with ServerControl(server.address) as control:
        until(lambda: all(status.version != 2 or status.state == "END" for status in control.status("scaler")))
    assert answer(client)[0] == 1


def test_version_that_cannot_be_loaded_changes_nothing_for_clients(
    ledger: Ledger, serve: Callable[[], Any], connect: Connect, scalers: Path, tmp_path: Path
) -> None:
    """The error has the server's own words, and the model stays as it was: live version, label, loaded versions."""
    broken = tmp_path / "broken"
    shutil.copytree(scalers / "1", broken)
    (broken / "saved_model.pb").write_bytes(b"\x08\x01 not a graph")
    ledger.publish("scaler", broken, by="ada", origin="execution")
    server = serve()
    promote(ledger, 1)
    with callers_of(connect, server.address) as callers:
        with pytest.raises(PromotionFailed, match=r"version 3 of 'scaler' was not made live, version 1 stays live: .*"):
            ledger.promote("scaler", 3, by="ada", reason="better")
        promote(ledger, 2)
    assert callers.errors == []
    assert answer(connect(server.address), label="stable") == (2, 20.0)


def test_server_that_was_down_serves_what_is_live_when_it_comes_back(
    ledger: Ledger, serve: Callable[[], Any], connect: Connect
) -> None:
    promote(ledger, 1)
    promote(ledger, 2)
    ledger.roll_back("scaler", by="bob", reason="accuracy fell")
    server = serve()
    with ServerControl(server.address) as control:
        control.wait_available("scaler", 1, timeout_s=60)
    client = connect(server.address)
    assert answer(client, label="stable") == (1, 10.0)
    assert answer(client, label="canary") == (1, 10.0)


def test_server_that_dies_is_passed_over_and_the_others_move(
    ledger: Ledger, serve: Callable[[], Any], connect: Connect
) -> None:
    dead, alive = serve(), serve()
    promote(ledger, 1)
    dead.process.kill()
    dead.process.wait()
    (warning,) = ledger.promote("scaler", 2, by="ada", reason="better").warnings
    assert warning.startswith(f"passed over {dead.address}: ")
    assert answer(connect(alive.address), label="stable") == (2, 20.0)
