from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import pytest

from slipline.serving.errors import ServerUnavailable
from slipline.serving.server.grpc.grpc_server import LONGEST_S, QUIET_S, Gate


async def seconds(work: object) -> float:
    begin_s = time.monotonic()
    await work  # type: ignore[misc]
    return time.monotonic() - begin_s


def test_a_gate_is_open_until_it_is_closed_and_then_says_whom_to_ask() -> None:
    gate = Gate()
    gate.enter()
    asyncio.run(gate.close())
    with pytest.raises(ServerUnavailable, match="the server is stopping; ask again, of another one"):
        gate.enter()


def test_where_nobody_came_of_late_it_closes_at_once() -> None:
    assert asyncio.run(seconds(Gate().close())) < QUIET_S


def test_it_waits_for_those_who_are_on_their_way() -> None:
    gate = Gate()
    gate.enter()
    assert asyncio.run(seconds(gate.close())) >= QUIET_S * 0.9


def test_those_who_ask_again_at_once_do_not_hold_up_the_end() -> None:
    gate = Gate()

    async def main() -> float:
        async def knock() -> None:
            while True:
                with suppress(ServerUnavailable):
                    gate.enter()
                await asyncio.sleep(0.005)

        knocking = asyncio.ensure_future(knock())
        await asyncio.sleep(0.01)
        took_s = await seconds(gate.close())
        knocking.cancel()
        return took_s

    assert LONGEST_S * 0.9 <= asyncio.run(main()) < 20 * LONGEST_S
