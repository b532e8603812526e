from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from slipline.serving.server.event_loop import EventLoop


@pytest.fixture
def events() -> Iterator[EventLoop]:
    events = EventLoop("test")
    yield events
    events.stop()


def test_what_is_put_off_is_done_once_the_loop_is_idle(events: EventLoop) -> None:
    order: list[object] = []

    async def put_off() -> None:
        events.when_idle(order.append)
        for number in range(3):
            await asyncio.sleep(0)
            order.append(number)
        await asyncio.sleep(0.05)

    events.run(put_off())
    assert order in ([0, 1, 2, True], [0, 1, False, 2], [0, False, 1, 2])  # the latter two on a machine that halts


def test_what_is_put_off_is_done_in_a_loop_that_is_never_idle(events: EventLoop) -> None:
    done: list[bool] = []

    async def busy() -> None:
        events.when_idle(done.append)
        end_s = time.monotonic() + 30
        while not done and time.monotonic() < end_s:
            await asyncio.sleep(0)

    events.run(busy())
    assert done == [False]
