"""Makes one request of calls that come at about the same time, for callers in one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from slipline.serving.client.known_models import Choice
from slipline.serving.client.prediction import Prediction
from slipline.serving.errors import BadRequest, DeadlineExceeded, ServingError
from slipline.serving.wire.tensors import Array


@dataclass(frozen=True, kw_only=True)
class Batching:
    """Which calls share a request: those for one signature of one version, with rows of one shape.

    The model must treat each row by itself. A call whose rows do not fit, or that the model refuses, costs the others
    nothing: each is then sent on its own.

    Attributes:
      max_rows: In a request; a call with more is sent as it is.
      max_delay_s: How long the first call of a request waits for others.
    """

    max_rows: int = 64
    max_delay_s: float = 0.002

    def __post_init__(self) -> None:
        if self.max_rows < 1 or self.max_delay_s < 0:
            raise ValueError(f"max_rows must be at least 1 and max_delay_s 0, got {self.max_rows}, {self.max_delay_s}")


class Asked(NamedTuple):
    """What calls must have in common, beside the shape of their rows, to share a request."""

    choice: Choice
    signature: str
    output_filter: tuple[str, ...]


Send = Callable[[dict[str, Array], Asked, float], Awaitable[Prediction]]


@dataclass(eq=False)
class _Call:
    arrays: dict[str, Array]
    rows: int
    deadline_s: float
    answer: asyncio.Future[Prediction]


@dataclass(eq=False)
class _Batch:
    asked: Asked
    kind: Hashable
    timer: asyncio.TimerHandle
    calls: list[_Call] = field(default_factory=list)
    rows: int = 0


class Batcher:
    """Gathers calls until there are enough, or the first has waited long enough."""

    def __init__(self, send: Send, batching: Batching) -> None:
        """`send` asks the model, within a time limit in seconds."""
        self._send = send
        self._batching = batching
        self._open: dict[Hashable, _Batch] = {}
        self._alone: set[Hashable] = set()  # kinds whose answers have no row for each row sent
        self._tasks: set[asyncio.Task[None]] = set()

    async def predict(self, arrays: dict[str, Array], asked: Asked, timeout_s: float) -> Prediction:
        """The answer to one call.

        Raises:
          DeadlineExceeded: It did not come within the time limit.
          ServingError: What the request met.
        """
        rows = _rows(arrays)
        kind = (asked, tuple(sorted((name, array.dtype.str, array.shape[1:]) for name, array in arrays.items())))
        if rows is None or rows >= self._batching.max_rows or kind in self._alone:
            return await self._send(arrays, asked, timeout_s)
        loop = asyncio.get_running_loop()
        call = _Call(arrays, rows, loop.time() + timeout_s, loop.create_future())
        self._join(kind, asked, call)
        try:
            return await asyncio.wait_for(call.answer, timeout_s)
        except asyncio.TimeoutError as error:
            raise DeadlineExceeded(
                f"no answer within {timeout_s:g} s, the wait for a shared request included; raise the time limit"
            ) from error

    async def close(self) -> None:
        """Sends what waits, and waits for the answers."""
        for batch in list(self._open.values()):
            self._flush(batch)
        await asyncio.gather(*self._tasks)

    def _join(self, kind: Hashable, asked: Asked, call: _Call) -> None:
        batch = self._open.get(kind)
        if batch is not None and batch.rows + call.rows > self._batching.max_rows:
            self._flush(batch)
            batch = None
        if batch is None:
            loop = asyncio.get_running_loop()
            timer = loop.call_later(self._batching.max_delay_s, lambda: self._flush(self._open[kind]))
            batch = self._open[kind] = _Batch(asked, kind, timer)
        batch.calls.append(call)
        batch.rows += call.rows
        if batch.rows == self._batching.max_rows:
            self._flush(batch)

    def _flush(self, batch: _Batch) -> None:
        batch.timer.cancel()
        del self._open[batch.kind]
        task = asyncio.ensure_future(self._answer(batch))
        self._tasks.add(task)  # or it could be collected under way
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, batch: _Batch) -> None:
        calls = [call for call in batch.calls if not call.answer.done()]  # without those given up meanwhile
        if len(calls) < 2 or batch.kind in self._alone:
            await self._each_alone(calls, batch.asked)
            return
        joined = {name: np.concatenate([call.arrays[name] for call in calls]) for name in calls[0].arrays}
        try:
            prediction = await self._send(joined, batch.asked, self._left_s(calls))
        except BadRequest:  # of one of them, perhaps
            await self._each_alone(calls, batch.asked)
            return
        except Exception as error:
            _fail(calls, error)
            return
        rows = sum(call.rows for call in calls)
        if all(output.shape[:1] == (rows,) for output in prediction.outputs.values()):
            _share(calls, prediction)
        else:
            self._alone.add(batch.kind)
            await self._each_alone(calls, batch.asked)

    async def _each_alone(self, calls: Sequence[_Call], asked: Asked) -> None:
        await asyncio.gather(*(self._one(call, asked) for call in calls))

    async def _one(self, call: _Call, asked: Asked) -> None:
        try:
            prediction = await self._send(call.arrays, asked, self._left_s([call]))
        except Exception as error:
            _fail([call], error)
        else:
            if not call.answer.done():
                call.answer.set_result(prediction)

    def _left_s(self, calls: Sequence[_Call]) -> float:
        """Until the last of their deadlines: each caller keeps its own."""
        return max(max(call.deadline_s for call in calls) - asyncio.get_running_loop().time(), 0.0)


def _rows(arrays: dict[str, Array]) -> int | None:
    """The length of the first axis, if it is one for all and not 0."""
    lengths = {array.shape[0] if array.ndim else 0 for array in arrays.values()}
    return lengths.pop() or None if len(lengths) == 1 else None


def _share(calls: Sequence[_Call], prediction: Prediction) -> None:
    begin = 0
    for call in calls:
        end = begin + call.rows
        if not call.answer.done():
            own = {name: output[begin:end] for name, output in prediction.outputs.items()}
            call.answer.set_result(Prediction(own, prediction.version))
        begin = end


def _fail(calls: Sequence[_Call], error: Exception) -> None:
    for call in calls:
        if not call.answer.done():
            call.answer.set_exception(_copy(error))


def _copy(error: Exception) -> Exception:
    """An error of each caller's own, as each adds its own traceback to it."""
    if not isinstance(error, ServingError):
        return error
    copy = type(error)(*error.args)
    copy.__cause__ = error.__cause__
    return copy
