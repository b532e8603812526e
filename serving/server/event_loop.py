"""An event loop in a thread of its own, for what other threads start and stop."""

from __future__ import annotations

import asyncio
import selectors
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

LONGEST_PUT_OFF_S = 0.001  # about what a lone request takes in all, so that no request takes more than twice that


class _Selector(selectors.DefaultSelector):
    """Before it waits for what comes, it has its loop do what was put off until then."""

    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        super().__init__()
        self.put_off: list[Callable[[bool], None]] = []
        self.since_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready, after a wait if nothing is."""
        if not self.put_off:
            return super().select(timeout)
        ready = super().select(0)
        is_idle = not ready and (timeout is None or timeout > 0)
        if is_idle or time.perf_counter() - self.since_s > LONGEST_PUT_OFF_S:
            for work in self.put_off:
                self.loop.call_soon(work, is_idle)
            self.put_off.clear()
        return ready


class EventLoop:
    """Runs from its making until `stop`.

    Attributes:
      loop: The event loop itself.
    """

    def __init__(self, name: str) -> None:
        self._selector = _Selector()
        self.loop = self._selector.loop = asyncio.SelectorEventLoop(self._selector)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def when_idle(self, work: Callable[[bool], None]) -> None:
        """Has `work` done once there is nothing else to do, or after a millisecond of other work; from the loop itself.

        Args:
          work: Told whether there was nothing else.
        """
        if not self._selector.put_off:
            self._selector.since_s = time.perf_counter()
        self._selector.put_off.append(work)

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What `work` gives, done in the loop; from any other thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def run_later(self, work: Coroutine[Any, Any, object]) -> None:
        """Has the loop do `work` after what it was given before; from any thread. Not done once the loop has ended."""
        try:
            asyncio.run_coroutine_threadsafe(work, self.loop)
        except RuntimeError:
            work.close()

    def stop(self) -> None:
        """Ends the loop; what still waits in it is cancelled."""
        if self._thread.is_alive():
            self.run(_cancel_the_rest())
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self.loop.close()


async def _cancel_the_rest() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
