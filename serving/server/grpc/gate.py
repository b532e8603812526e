"""Lets requests in until the server stops; those that come later are told so."""

from __future__ import annotations

import asyncio
import time

from slipline.serving.errors import ServerUnavailable

QUIET_S = 0.05  # beyond what was under way in the network when the gate was closed
LONGEST_S = 0.2  # callers that ask again at once, whatever they are told, must not hold up the end


class Gate:
    """Open until it is closed.

    gRPC cancels what arrives once a server has begun to stop, which no client tries again. UNAVAILABLE is tried again,
    and elsewhere; so the gate is closed first, and the server stopped when nobody comes any more.
    """

    def __init__(self) -> None:
        self._is_closed = False
        self._last_s = float("-inf")

    def enter(self) -> None:
        """Returns while the gate is open.

        Raises:
          ServerUnavailable: It is closed.
        """
        self._last_s = time.monotonic()
        if self._is_closed:
            raise ServerUnavailable("the server is stopping; ask again, of another one")

    async def close(self) -> None:
        """Closes the gate, and returns when nobody comes any more; at once if nobody came of late."""
        self._is_closed = True
        end_s = time.monotonic() + LONGEST_S
        while (quiet_s := self._last_s + QUIET_S - time.monotonic()) > 0 and time.monotonic() < end_s:
            await asyncio.sleep(quiet_s)
