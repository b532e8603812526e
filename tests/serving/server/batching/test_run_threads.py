from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from slipline.serving.server.batching.run_threads import RunThreads
from slipline.serving.server.event_loop import EventLoop


@contextmanager
def run_threads(most: int) -> Iterator[Callable[[Callable[[], object]], Future[str]]]:
    """Submits work; what comes back is the name of the thread that did it, known once the loop has finished it."""
    events = EventLoop("test")
    threads = RunThreads(events.loop, most)

    def submit(work: Callable[[], object]) -> Future[str]:
        done: Future[str] = Future()

        def run() -> Callable[[], None]:
            work()
            name = threading.current_thread().name
            return lambda: done.set_result(name)

        events.loop.call_soon_threadsafe(threads.submit, run)
        return done

    try:
        yield submit
    finally:
        threads.shutdown()
        events.stop()


def test_thread_that_ended_last_runs_next() -> None:
    first, second = threading.Event(), threading.Event()
    with run_threads(3) as submit:
        one, other = submit(lambda: first.wait(30)), submit(lambda: second.wait(30))
        second.set()
        other.result(30)
        first.set()
        one.result(30)
        assert [submit(lambda: None).result(30) for _ in range(3)] == [one.result(30)] * 3
        assert one.result(30) != other.result(30)


def test_work_that_waits_when_the_threads_are_ended_is_dropped_and_the_loop_goes_on() -> None:
    gate = threading.Event()
    events = EventLoop("test")
    threads, begun, done = RunThreads(events.loop, 1), threading.Event(), list[str]()

    def held() -> Callable[[], None]:
        begun.set()
        gate.wait(30)
        return lambda: done.append("held")

    async def submit() -> None:
        threads.submit(held)
        threads.submit(lambda: lambda: done.append("waiting"))

    events.run(submit())
    assert begun.wait(30)
    ending = threading.Thread(target=threads.shutdown)
    ending.start()
    while not threads._is_closed:
        time.sleep(0.001)
    gate.set()
    ending.join(30)
    events.stop()
    assert done == ["held"]


def test_work_beyond_the_threads_waits_for_one_and_is_done_in_order() -> None:
    gate, order = threading.Event(), list[int]()
    with run_threads(1) as submit:
        held = submit(lambda: gate.wait(30))
        waiting = [submit(lambda number=number: order.append(number)) for number in range(5)]  # type: ignore[misc]
        gate.set()
        assert {done.result(30) for done in (held, *waiting)} == {held.result(30)}
    assert order == [0, 1, 2, 3, 4]
