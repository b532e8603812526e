"""How a server process ends: what it still does, and that it does end."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from slipline.serving.client import ClientSettings, PredictClient, RetryPolicy
from slipline.serving.client.control import ServerControl
from slipline.serving.errors import ServerUnavailable
from slipline.serving.server.process import Server
from tests.serving.conftest import PATIENCE_S, until

pytestmark = pytest.mark.slow  # real processes, or whole steps, for each test

StartProcess = Callable[..., Any]
STEPS = np.array(300_000)


class HealthWatch:
    """What a server's health service tells somebody who watches it, until the server ends."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address)
        self.changed = threading.Condition()
        self.told: list[str] = []
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def wait_for(self, status: str) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: status in self.told, PATIENCE_S), self.told

    def close(self) -> None:
        self._channel.close()

    def _watch(self) -> None:
        names = health_pb2.HealthCheckResponse.ServingStatus
        try:
            for answer in health_pb2_grpc.HealthStub(self._channel).Watch(health_pb2.HealthCheckRequest()):
                with self.changed:
                    self.told.append(names.Name(answer.status))
                    self.changed.notify_all()
        except grpc.RpcError:
            pass  # the end of it


def test_sigterm_says_not_serving_first_and_then_lets_requests_finish(
    start_process: StartProcess, connect: Callable[..., PredictClient], scalers: Path
) -> None:
    process = start_process("--model_name=scaler", f"--model_base_path={scalers}")
    client = connect(process.address)
    client.wait_until_available()
    watch = HealthWatch(process.address)
    watch.wait_for("SERVING")
    order: list[str] = []
    with ThreadPoolExecutor(1) as threads:
        long = threads.submit(client.predict, {"steps": STEPS}, signature="count")
        long.add_done_callback(lambda done: order.append("answered"))
        until(long.running)
        client.predict({"x": np.array([1], "float32")})  # on the same connection, so the long one has arrived
        process.process.terminate()
        watch.wait_for("NOT_SERVING")
        order.append("said so")
        assert long.result(PATIENCE_S).outputs["counted"] == STEPS
    assert (order, process.end()[0]) == (["said so", "answered"], 0)


def test_whoever_watches_the_health_does_not_hold_up_the_end(start_process: StartProcess, scalers: Path) -> None:
    process = start_process("--model_name=scaler", f"--model_base_path={scalers}", "--shutdown_grace_seconds=3600")
    watch = HealthWatch(process.address)
    watch.wait_for("SERVING")
    process.process.terminate()
    assert process.end()[0] == 0
    assert watch.told[-1] == "NOT_SERVING"


def test_request_that_comes_while_the_server_stops_is_told_to_ask_another(
    start: Callable[..., Server], connect: Callable[..., PredictClient], scalers: Path
) -> None:
    """A cancelled one, as gRPC itself has it, would be tried again by few clients."""
    server = start(model_name="scaler", model_base_path=str(scalers))
    client = connect(server.address, settings=ClientSettings(retry=RetryPolicy(max_attempts=1)))
    client.wait_until_available()
    client.predict({"x": np.float32([1])})
    server._grpc.events.run(server._grpc.gate.close())  # the stop's second step, before gRPC's own
    with pytest.raises(ServerUnavailable, match="the server is stopping; ask again, of another one"):
        client.predict({"x": np.float32([1])})
    with pytest.raises(ServerUnavailable, match="the server is stopping; ask again, of another one"):
        client.classify([{"x": 1.0}])


def hung_load(base: Path) -> None:
    """A version whose load waits for ever: whoever reads the pipe waits for a writer."""
    (base / "1").mkdir()
    os.mkfifo(base / "1" / "saved_model.pb")


def test_sigterm_during_a_load_that_hangs_ends_the_process_in_bounded_time(
    start_process: StartProcess, base: Path
) -> None:
    hung_load(base)
    process = start_process("--model_name=m", f"--model_base_path={base}", "--shutdown_grace_seconds=0")
    with ServerControl(process.address) as control:
        until(lambda: [status.state for status in control.status("m")] == ["LOADING"])
    status, log = process.end()
    assert (status, "left behind: _load" in log, "Fatal" in log) == (0, True, False)


def test_sigterm_during_a_load_lets_it_end(start_process: StartProcess, scalers: Path) -> None:
    process = start_process("--model_name=scaler", f"--model_base_path={scalers}")
    status, log = process.end()  # the port is open before the load is done
    assert (status, "left behind" in log, "Fatal" in log, "Traceback" in log) == (0, False, False, False)


def test_request_that_never_ends_does_not_keep_the_process_from_ending(
    start_process: StartProcess, connect: Callable[..., PredictClient], scalers: Path
) -> None:
    process = start_process("--model_name=scaler", f"--model_base_path={scalers}", "--shutdown_grace_seconds=1")
    client = connect(process.address)
    client.wait_until_available()
    with ThreadPoolExecutor(1) as threads:
        endless = threads.submit(client.predict, {"steps": np.array(2**40)}, signature="count")
        until(endless.running)
        client.predict({"x": np.array([1], "float32")})
        assert process.end()[0] == 0
        assert endless.exception(PATIENCE_S) is not None
