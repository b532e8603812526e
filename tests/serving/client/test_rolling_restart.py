"""Two servers are restarted one after the other, under load: no caller sees an error."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slipline.serving.client import AsyncPredictClient, PredictClient
from tests.serving.conftest import until

pytestmark = pytest.mark.slow  # real processes, or whole steps, for each test

X = np.array([1, 2], "float32")
CALLERS = 4


def under_load(client: PredictClient, restart: Callable[[], None]) -> int:
    """Calls from several threads while `restart` runs and a while after it; how many were answered, all of them."""
    over = threading.Event()

    def ask() -> int:
        count = 0
        while not over.is_set() or count < 20:
            assert client.predict({"x": X}).outputs["y"].shape == (2,)
            count += 1
        return count

    with ThreadPoolExecutor(CALLERS) as threads:
        counts = [threads.submit(ask) for _ in range(CALLERS)]
        try:
            restart()
        finally:
            over.set()
        return sum(count.result() for count in counts)


def test_restarted_servers_cost_no_error_and_take_part_again(serve: Callable[..., Any]) -> None:
    servers = [serve(), serve()]
    addresses = [server.address for server in servers]

    def restart() -> None:
        for server in list(servers):
            wait_for(server)
            server.stop()  # with calls under way
            servers.remove(server)
            wait_for(servers[0])
            servers.append(serve(server.port))
            wait_for(servers[-1])

    with PredictClient.connect(addresses, "double") as client:
        assert under_load(client, restart) > 20


def wait_for(server: Any) -> None:
    """Until 20 more calls have reached that server."""
    wanted = server.count() + 20
    until(lambda: server.count() >= wanted)


@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_restarted_processes_cost_no_error(end: str, start_process: Callable[..., Any], scalers: Path) -> None:
    """Those of the embedded server; told to stop, or killed with calls under way."""
    flags = ["--model_name=scaler", f"--model_base_path={scalers}"]
    servers = [start_process(*flags) for _ in range(2)]
    addresses = [server.address for server in servers]
    for address in addresses:
        wait_until_up(address)

    def restart() -> None:
        for server in servers:
            getattr(server.process, end)()
            server.end()
            again = start_process(*flags, f"--port={server.address.rpartition(':')[2]}")
            wait_until_up(again.address)
            threading.Event().wait(1)  # as who restarts servers does, for its turn to come again

    with PredictClient.connect(addresses, "scaler") as client:
        assert under_load(client, restart) > 20


def wait_until_up(address: str) -> None:
    with PredictClient.connect(address, "scaler") as client:
        client.wait_until_available()


def test_callers_in_an_event_loop_see_no_error_either(serve: Callable[..., Any]) -> None:
    servers = [serve(), serve()]

    async def ask(client: AsyncPredictClient, over: asyncio.Event) -> int:
        count = 0
        while not over.is_set() or count < 20:
            await client.predict({"x": X})
            count += 1
        return count

    async def main() -> int:
        over = asyncio.Event()
        async with AsyncPredictClient.connect([server.address for server in servers], "double") as client:
            asking = [asyncio.ensure_future(ask(client, over)) for _ in range(CALLERS)]
            for server in list(servers):
                await asyncio.to_thread(wait_for, server)
                await asyncio.to_thread(server.stop)
                servers.remove(server)
                servers.append(await asyncio.to_thread(serve, server.port))
                await asyncio.to_thread(wait_for, servers[-1])
            over.set()
            return sum(await asyncio.gather(*asking))

    assert asyncio.run(main()) > 20
