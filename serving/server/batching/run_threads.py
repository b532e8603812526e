"""Threads for the runs of a model."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

Work = Callable[[], Callable[[], None]]


class RunThreads:
    """Threads of which the one that ended last runs next, as what it needs is still at hand.

    That is a tenth of the throughput of a small SavedModel. All but `shutdown` is for the event loop's own thread.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, most: int) -> None:
        """Makes none of them yet, and never more than `most`."""
        self._loop = loop
        self._most = most
        self._all: list[ThreadPoolExecutor] = []
        self._free: list[ThreadPoolExecutor] = []
        self._waiting: deque[Work] = deque()
        self._is_closed = False

    def submit(self, work: Work) -> None:
        """Has a thread do `work` once one is free, and then the event loop what that returns."""
        if not self._free and len(self._all) >= self._most:
            self._waiting.append(work)
            return
        if not self._free:
            self._all.append(ThreadPoolExecutor(1, thread_name_prefix=f"run {len(self._all)}"))
            self._free.append(self._all[-1])
        thread = self._free.pop()
        thread.submit(self._do, thread, work)

    def shutdown(self) -> None:
        """Waits for the work under way, and ends the threads; what waits is not done."""
        self._is_closed = True
        for thread in self._all:
            thread.shutdown()

    def _do(self, thread: ThreadPoolExecutor, work: Work) -> None:
        self._loop.call_soon_threadsafe(self._end, thread, work())

    def _end(self, thread: ThreadPoolExecutor, finish: Callable[[], None]) -> None:
        self._free.append(thread)
        finish()
        if self._waiting and not self._is_closed:
            self.submit(self._waiting.popleft())
