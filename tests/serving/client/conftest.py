"""Servers and proxies that fail as a test wants, and both kinds of client."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from slipline.serving.client import AsyncPredictClient, PredictClient
from tests.serving.client.doubling import DoublingServer
from tests.serving.client.proxy import Proxy


@pytest.fixture
def serve() -> Iterator[Callable[..., DoublingServer]]:
    """Starts such servers, and ends them."""
    servers: list[DoublingServer] = []

    def begin(port: int = 0, **options: Any) -> DoublingServer:
        servers.append(DoublingServer(port, **options))
        return servers[-1]

    yield begin
    for server in servers:
        server.stop()


@pytest.fixture
def proxy() -> Iterator[Callable[[int], Proxy]]:
    """Starts such proxies, and ends them."""
    proxies: list[Proxy] = []

    def begin(port: int) -> Proxy:
        proxies.append(Proxy(port))
        return proxies[-1]

    yield begin
    for each in proxies:
        each.stop()


class Awaited:
    """An `AsyncPredictClient` whose methods are waited for, so that one test serves both kinds."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._loop = asyncio.new_event_loop()

        async def connect() -> AsyncPredictClient:
            return AsyncPredictClient.connect(*args, **kwargs)

        self._client = self._loop.run_until_complete(connect())

    def close(self) -> None:
        self._loop.run_until_complete(self._client.close())
        self._loop.close()

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._client, name)
        if not asyncio.iscoroutinefunction(member):
            return member
        return lambda *args, **kwargs: self._loop.run_until_complete(member(*args, **kwargs))


@pytest.fixture(params=["sync", "asyncio"])
def client_of(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Connects clients, of each kind in turn, and closes them."""
    clients: list[Any] = []

    def connect(target: str | list[str], model: str = "double", **more: Any) -> Any:
        make = PredictClient.connect if request.param == "sync" else Awaited
        clients.append(make(target, model, **more))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def free_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port
