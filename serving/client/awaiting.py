"""Carries operations out by awaiting in an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, TypeVar

import grpc
import grpc.aio

from slipline.serving.client.effects import Attempt, Operation, Pause, Race, Rpc, Won

T = TypeVar("T")


class AwaitingTransport:
    """Channels to the targets of one client, by their index; for use from one event loop."""

    def __init__(self, channels: Sequence[grpc.aio.Channel], compression: grpc.Compression | None = None) -> None:
        """Uses channels that their owner closes."""
        self._calls = [{rpc: channel.unary_unary(rpc.value) for rpc in Rpc} for channel in channels]
        self._compression = compression

    async def run(self, operation: Operation[T]) -> T:
        """The operation's outcome."""
        try:
            effect = next(operation)
            while True:
                try:
                    outcome = await self._perform(effect)
                except grpc.RpcError as error:
                    effect = operation.throw(error)
                else:
                    effect = operation.send(outcome)
        except StopIteration as end:
            outcome_of_all: T = end.value
            return outcome_of_all
        finally:
            operation.close()

    async def _perform(self, effect: Attempt | Race | Pause) -> bytes | Won | None:
        if isinstance(effect, Attempt):
            answer: bytes = await self._begin(effect)
            return answer
        if isinstance(effect, Race):
            return await self._race(effect)
        await asyncio.sleep(effect.seconds)
        return None

    def _begin(self, attempt: Attempt) -> Any:
        call = self._calls[attempt.target.index][attempt.rpc]
        return call(
            attempt.request, timeout=attempt.timeout_s, metadata=attempt.headers or None, compression=self._compression
        )

    async def _answer(self, attempt: Attempt) -> bytes:
        answer: bytes = await self._begin(attempt)
        return answer

    async def _race(self, race: Race) -> Won:
        attempts = {asyncio.ensure_future(self._answer(race.first)): race.first}
        try:
            done, waiting = await asyncio.wait(attempts, timeout=race.delay_s)
            if not done and (second := race.second()) is not None:
                late = asyncio.ensure_future(self._answer(second))
                attempts[late] = second
                waiting = {*waiting, late}
            while True:
                errors = []
                for ended in done:
                    try:
                        return Won(attempts[ended], ended.result())
                    except grpc.RpcError as error:
                        race.failed(attempts[ended], error)
                        errors.append(error)
                if not waiting:
                    raise errors[-1]
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in attempts:
                task.cancel()
            # Tasks that were cancelled are awaited, or asyncio would warn of errors that nobody took.
            await asyncio.gather(*attempts, return_exceptions=True)
