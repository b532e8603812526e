"""A loaded model whose runs are shared by the requests that wait together; a request that need not wait runs at once.

One event loop decides what runs; nothing in it ever waits for company unless the parameters say so. While a run goes
on in a thread, requests of its kind wait, so batches grow with the load. A run that is over sooner than a thread takes
it on and hands it back is done in the event loop itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from slipline.serving.errors import BadRequest
from slipline.serving.models.graph_traits import GraphTraits
from slipline.serving.models.loaded_model import LoadedModel
from slipline.serving.server.batching.lanes import Answer, Batch, Graph, Kind, Lane, Record, Task, rows_in
from slipline.serving.server.batching.parameters import Batching
from slipline.serving.server.batching.row_tensors import RowTensors
from slipline.serving.server.batching.rows import rows_of
from slipline.serving.server.batching.run_threads import RunThreads
from slipline.serving.server.batching.together import Outcome, Together
from slipline.serving.server.event_loop import EventLoop
from slipline.serving.wire import saved_model_pb2
from slipline.serving.wire.tensors import Array

QUICK_S = 0.001  # a thread takes a good part of that to take a run on and hand it back;
QUICK_IN_COMPANY = 0.4  # but others are taken in meanwhile, so with company, runs have to be shorter by this factor
COMPANY = 1.2  # requests in a run, of late
SLOW_S = 0.005  # such a run is worth another core beside the one that takes requests
ENOUGH_ROWS = 16  # more rows in a run hardly make each quicker
MAX_LANES = 1000  # clients choose the shapes, so what is remembered of them has a limit


class BatchedModel(LoadedModel):
    """Runs a model for many callers at once."""

    def __init__(
        self,
        model: LoadedModel,
        batching: Batching | None,
        events: EventLoop,
        *,
        parts: int = 1,
        max_threads: int,
        quick_s: float = QUICK_S,
        on_batch: Callable[[Batch], None] = lambda batch: None,
    ) -> None:
        """Takes over `model`, and closes it in the end.

        Args:
          model: Loaded, and warmed up.
          batching: How requests are run together; None for one by one.
          events: Where it is decided what runs; it must run until `close` has returned.
          parts: Into how many parts a large request falls, to be run side by side.
          max_threads: Runs side by side, of all kinds.
          quick_s: Runs that should take less are done in the event loop, in a lull.
          on_batch: Told of each run of what may run together, in the event loop.
        """
        super().__init__(model.folder, model.signatures)
        self._model = model
        self._batching = batching or Batching(max_batch_size=1)
        self._tensors = RowTensors.of(model) if batching else RowTensors()
        self._loop = events.loop
        self._when_idle = events.when_idle
        self._max_threads = max_threads
        self._quick_s = quick_s
        self._on_batch = on_batch
        self._together = Together(model.compute, self._batching, parts=parts)
        self._threads = RunThreads(events.loop, max_threads)
        self._records: dict[Graph, Record] = {}
        self._lanes: dict[Kind, Lane] = {}

    def traits(self) -> Mapping[str, GraphTraits]:
        """Those of the model."""
        return self._model.traits()

    def fetches_for(self, signature: saved_model_pb2.SignatureDef, tensors: Iterable[str]) -> list[str]:
        """Those of the model."""
        return self._model.fetches_for(signature, tensors)

    def compute(self, feeds: Mapping[str, Array], fetches: Sequence[str]) -> dict[str, Array]:
        """The tensors called `fetches`, by name, given those in `feeds`; from any thread but the event loop's."""

        async def answered() -> Mapping[str, Array]:
            return await self.compute_soon(feeds, fetches)

        return dict(asyncio.run_coroutine_threadsafe(answered(), self._loop).result())

    def compute_soon(self, feeds: Mapping[str, Array], fetches: Sequence[str]) -> Answer:
        """The same from the event loop, to be awaited there; to cancel it is to withdraw the request.

        Raises:
          QueueFull: So many requests wait already as may.
          BadRequest: The request has more rows than may be sent at once.
        """
        rows = rows_of(feeds)
        lane = self._lane(Kind.of(feeds, tuple(fetches), has_rows=rows > 0))
        if lane.joins and rows > self._batching.max_batch_size and self._batching.refuses_larger:
            limit = self._batching.max_batch_size
            raise BadRequest(f"Task size {rows} is larger than maximum input batch size {limit}")
        task = Task(feeds, rows, self._loop.create_future(), time.perf_counter())
        lane.add(task, self._batching)
        self._schedule(lane)
        return task.answer

    def close(self) -> None:
        """Waits for the runs under way, then frees the model's memory."""
        self._threads.shutdown()
        self._together.close()
        self._model.close()

    def _lane(self, kind: Kind) -> Lane:
        found = self._lanes.get(kind)
        if found is None:
            if len(self._lanes) >= MAX_LANES:
                self._lanes = {kind: lane for kind, lane in self._lanes.items() if not lane.is_idle}
            record = self._records.get(kind.graph)
            if record is None:
                record = self._records[kind.graph] = self._tensors.record(kind.graph)
            found = self._lanes[kind] = Lane(kind, record)
        return found

    def _schedule(self, lane: Lane) -> None:
        """Has what waits run once nothing more comes at the moment, or enough has come."""
        if not lane.waiting or lane.running >= self._side_by_side(lane):
            return
        is_full = lane.waiting_rows >= self._batching.max_batch_size
        if is_full or not lane.joins or (lane.waiting_rows >= ENOUGH_ROWS and not self._batching.wait_s):
            self._loop.call_soon(self._dispatch, lane)
        elif not lane.is_due:
            lane.is_due = True
            if self._batching.wait_s:
                self._loop.call_later(self._batching.wait_s, self._dispatch, lane)
            else:
                self._when_idle(partial(self._dispatch, lane))

    def _dispatch(self, lane: Lane, is_idle: bool = False) -> None:
        lane.is_due = False
        while lane.waiting and lane.running < self._side_by_side(lane):
            batch = lane.take(self._batching.max_batch_size if lane.joins else 1)
            if not batch:
                continue
            if lane.joins:
                self._report(batch)
            limit_s = self._quick_s * (1 if lane.company < COMPANY else QUICK_IN_COMPANY)
            if is_idle and lane.estimated_s(rows_in(batch)) < limit_s:
                self._hand_out(lane, batch, *self._run(lane, batch))
            else:
                lane.running += 1
                self._threads.submit(partial(self._run_in_thread, lane, batch))

    def _report(self, batch: Sequence[Task]) -> None:
        rows = rows_in(batch)
        filled = self._batching.filled(rows) if len(batch) > 1 else rows
        self._on_batch(Batch(rows, filled, time.perf_counter() - batch[0].since_s))

    def _side_by_side(self, lane: Lane) -> int:
        """How many runs may go on at once."""
        if not lane.joins:
            return self._max_threads
        return self._batching.concurrent_runs if lane.estimated_s(lane.waiting_rows) > SLOW_S else 1

    def _run(self, lane: Lane, batch: Sequence[Task]) -> tuple[Sequence[Outcome], float]:
        begin_s = time.perf_counter()
        outcomes = self._together.outcomes(lane.kind.graph.fetches, lane.record, batch)
        return outcomes, time.perf_counter() - begin_s

    def _run_in_thread(self, lane: Lane, batch: Sequence[Task]) -> Callable[[], None]:
        outcomes, elapsed_s = self._run(lane, batch)
        return partial(self._end_run, lane, batch, outcomes, elapsed_s)

    def _end_run(self, lane: Lane, batch: Sequence[Task], outcomes: Sequence[Outcome], elapsed_s: float) -> None:
        lane.running -= 1
        self._hand_out(lane, batch, outcomes, elapsed_s)
        self._schedule(lane)

    def _hand_out(self, lane: Lane, batch: Sequence[Task], outcomes: Sequence[Outcome], elapsed_s: float) -> None:
        lane.learn(batch, elapsed_s)
        for task, outcome in zip(batch, outcomes, strict=True):
            if task.answer.done():  # nobody waits any more
                continue
            if isinstance(outcome, Exception):
                task.answer.set_exception(outcome)
            else:
                task.answer.set_result(outcome)
