"""No request is lost, or answered by a version that was not allowed then, whatever happens to releases."""

import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slipline.serving.client import PredictClient
from slipline.serving.client.control import ServerControl
from slipline.serving.errors import PromotionFailed, ServingError
from slipline.serving.folders.labels import label_for
from slipline.serving.releases.ledger import Ledger
from tests.callers import Callers

pytestmark = pytest.mark.slow

CALLERS = 32
SWITCHES = 50
PERCENT = 30.0
Connect = Callable[..., PredictClient]
Serve = Callable[[], Any]


@pytest.fixture
def ledger(tmp_path: Path, scalers: Path) -> Iterator[Ledger]:
    """Two releases of `scaler`, the first of them live; version 1 answers `y = 10 x`, version 2 `y = 20 x`."""
    with Ledger(None, tmp_path / "releases") as ledger:
        for version in (1, 2):
            ledger.publish("scaler", scalers / str(version), by="ada", origin="execution")
        ledger.promote("scaler", 1, by="ada", reason="first")
        yield ledger


@pytest.fixture
def serve(ledger: Ledger, start_process: Callable[..., Any]) -> Serve:
    """Starts a server that follows the ledger, and registers it."""

    def begin() -> Any:
        server = start_process(f"--model_config_file={ledger.config_path}", "--max_num_load_retries=0")
        ledger.register_server(server.address, server.process.pid)
        with ServerControl(server.address) as control:
            live = ledger.live("scaler")
            assert live is not None
            control.wait_available("scaler", live.version, 60)
        return server

    return begin


class Allowed:
    """Which versions each label may name, and since when; during a switch, those before and after it."""

    def __init__(self, stable: int) -> None:
        self.now: dict[str, int] = {"stable": stable, "canary": stable}
        self._states: list[tuple[float, dict[str, set[int]]]] = []
        self._note({label: {version} for label, version in self.now.items()})

    def _note(self, versions: dict[str, set[int]]) -> None:
        self._states.append((time.monotonic(), versions))

    @contextmanager
    def switch(self, **after: int) -> Iterator[None]:
        """A switch is made in this block."""
        self._note({label: {version, after[label]} for label, version in self.now.items()})
        yield
        self.now = after
        self._note({label: {version} for label, version in after.items()})

    def between(self, label: str, begin_s: float, end_s: float) -> set[int]:
        """The versions that a call of that time may have been answered by."""
        allowed: set[int] = set()
        following = [since for since, _ in self._states[1:]] + [float("inf")]
        for (since, versions), until in zip(self._states, following, strict=True):
            if since <= end_s and until >= begin_s:
                allowed |= versions[label]
        return allowed


def ask_by_key(client: PredictClient) -> tuple[str, float, float, int, float]:
    """The label that a new key has, when the call began and ended, the version that answered, and its answer."""
    label = label_for(uuid.uuid4().hex, PERCENT)
    begin_s = time.monotonic()
    found = client.predict({"x": np.ones(1, np.float32)}, label=label)
    return label, begin_s, time.monotonic(), found.version, float(found.outputs["y"][0])


def test_fifty_switches_under_32_callers_lose_no_request(ledger: Ledger, serve: Serve, connect: Connect) -> None:
    """Promoted, rolled back, put on trial and withdrawn, over and over: every answer is of a version allowed then."""
    allowed = Allowed(stable=1)

    def promote() -> None:
        ledger.promote("scaler", 2, by="ada", reason="better")

    def roll_back() -> None:
        ledger.roll_back("scaler", to=1, by="bob", reason="worse")

    def start_canary() -> None:
        ledger.start_canary("scaler", 2, percent=PERCENT, by="ada", reason="try it")

    def withdraw() -> None:
        ledger.withdraw_canary("scaler", by="bob", reason="tried")

    steps: list[tuple[Callable[[], None], Mapping[str, int]]] = [
        (promote, {"stable": 2, "canary": 2}),
        (roll_back, {"stable": 1, "canary": 1}),
        (start_canary, {"stable": 1, "canary": 2}),
        (withdraw, {"stable": 1, "canary": 1}),
        (start_canary, {"stable": 1, "canary": 2}),
        (promote, {"stable": 2, "canary": 2}),
        (roll_back, {"stable": 1, "canary": 1}),
    ]
    server = serve()
    clients = [connect(server.address, "scaler") for _ in range(CALLERS)]
    with Callers([partial(ask_by_key, client) for client in clients]) as callers:
        for number in range(SWITCHES):
            make, after = steps[number % len(steps)]
            with allowed.switch(**after):
                make()
            time.sleep(0.05)  # for callers to see what is in force
    assert callers.errors == []
    assert len(callers.answers) > SWITCHES * CALLERS
    for label, begin_s, end_s, version, y in callers.answers:
        assert y == 10.0 * version
        assert version in allowed.between(label, begin_s, end_s)
    assert {(label, version) for label, _, _, version, _ in callers.answers} == {
        ("stable", 1),
        ("stable", 2),
        ("canary", 1),
        ("canary", 2),
    }


def test_a_server_killed_in_the_middle_comes_back_on_the_ledgers_version(ledger: Ledger, serve: Serve) -> None:
    """At whatever moment of a promotion or roll-back it is killed."""
    for number in range(8):
        server = serve()
        killer = threading.Timer(0.02 * number, server.process.send_signal, (signal.SIGKILL,))
        killer.start()
        try:
            if number % 2:
                ledger.roll_back("scaler", to=1, by="bob", reason="worse")
            else:
                ledger.promote("scaler", 2, by="ada", reason="better")
        except (PromotionFailed, ServingError):
            pass  # the ledger says what holds
        killer.join()
        server.process.wait()
        again = serve()
        live = ledger.live("scaler")
        assert live is not None
        with ServerControl(again.address) as control:
            assert (control.label("scaler", "stable"), control.label("scaler", "canary")) == (
                live.version,
                live.version,
            )
        again.process.terminate()
        again.process.wait()
