"""Carries operations out by waiting in the caller's thread."""

from __future__ import annotations

import queue
import time
from collections.abc import Sequence
from typing import Any, TypeVar

import grpc

from slipline.serving.client.effects import Attempt, Operation, Pause, Race, Rpc, Won

T = TypeVar("T")


class BlockingTransport:
    """Channels to the targets of one client, by their index; for use from any thread."""

    def __init__(self, channels: Sequence[grpc.Channel], compression: grpc.Compression | None = None) -> None:
        """Uses channels that their owner closes."""
        self._calls = [{rpc: channel.unary_unary(rpc.value) for rpc in Rpc} for channel in channels]
        self._compression = compression

    def run(self, operation: Operation[T]) -> T:
        """The operation's outcome."""
        try:
            effect = next(operation)
            while True:
                try:
                    outcome = self._perform(effect)
                except grpc.RpcError as error:
                    effect = operation.throw(error)
                else:
                    effect = operation.send(outcome)
        except StopIteration as end:
            outcome_of_all: T = end.value
            return outcome_of_all
        finally:
            operation.close()

    def _perform(self, effect: Attempt | Race | Pause) -> bytes | Won | None:
        if isinstance(effect, Attempt):
            call = self._calls[effect.target.index][effect.rpc]
            answer: bytes = call(
                effect.request, effect.timeout_s, effect.headers or None, compression=self._compression
            )
            return answer
        if isinstance(effect, Race):
            return self._race(effect)
        time.sleep(effect.seconds)
        return None

    def _begin(self, attempt: Attempt, ended: queue.SimpleQueue[tuple[Attempt, Any]]) -> Any:
        call = self._calls[attempt.target.index][attempt.rpc]
        future = call.future(attempt.request, attempt.timeout_s, attempt.headers or None, compression=self._compression)
        future.add_done_callback(lambda done: ended.put((attempt, done)))
        return future

    def _race(self, race: Race) -> Won:
        ended: queue.SimpleQueue[tuple[Attempt, Any]] = queue.SimpleQueue()
        futures = [self._begin(race.first, ended)]
        try:
            try:
                attempt, done = ended.get(timeout=race.delay_s)
            except queue.Empty:
                second = race.second()
                if second is not None:
                    futures.append(self._begin(second, ended))
                attempt, done = ended.get()
            left = len(futures)
            while (error := done.exception()) is not None:
                race.failed(attempt, error)
                left -= 1
                if not left:
                    raise error
                attempt, done = ended.get()
            return Won(attempt, done.result())
        finally:
            for future in futures:
                future.cancel()
