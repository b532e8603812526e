"""An event loop in a thread of its own, for what other threads start and stop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class EventLoop:
    """Runs from its making until `stop`.

    Attributes:
      loop: The event loop itself.
    """

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

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
