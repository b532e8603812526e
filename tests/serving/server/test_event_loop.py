from __future__ import annotations

import asyncio
import threading
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


def test_work_is_done_in_the_loops_own_thread_and_what_fails_there_fails_here(events: EventLoop) -> None:
    async def name() -> str:
        return threading.current_thread().name

    async def fail() -> None:
        raise LookupError("no")

    assert events.run(name()) == "test"
    with pytest.raises(LookupError, match="no"):
        events.run(fail())


def test_work_for_later_is_done_in_order(events: EventLoop) -> None:
    order: list[int] = []

    async def note(number: int) -> None:
        order.append(number)

    for number in range(5):
        events.run_later(note(number))
    events.run(note(5))
    assert order == [0, 1, 2, 3, 4, 5]


def test_what_waits_is_cancelled_at_the_end_and_nothing_is_done_after_it(recwarn: pytest.WarningsRecorder) -> None:
    events, told = EventLoop("test"), list[str]()

    async def wait() -> None:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            told.append("cancelled")
            raise

    async def late() -> None:
        told.append("late")

    events.run_later(wait())
    events.run(asyncio.sleep(0.01))
    events.stop()
    assert told == ["cancelled"]
    assert events.loop.is_closed()
    events.run_later(late())
    events.stop()
    assert told == ["cancelled"]
    assert not [str(warning.message) for warning in recwarn]  # such as of work that was never awaited
