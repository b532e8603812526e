"""Load on a model server: calls in a closed or an open loop, and how long they took."""

from __future__ import annotations

import asyncio
import random
import time
from array import array
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import numpy as np

from slipline.serving.errors import ServingError

PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)

Ask = Callable[[], Awaitable[object]]


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is to be asked.

    Attributes:
      concurrency: In a closed loop, callers that each ask again once they are answered. In an open loop, calls under
        way at most; those beyond wait, and their wait counts.
      duration_s: For how long calls begin; those under way then are waited for.
      warm_up_s: Before that, for calls that do not count.
      rate_per_s: Calls a second, on average, at times that do not depend on the answers (a Poisson process); None for
        a closed loop.
    """

    concurrency: int = 1
    duration_s: float = 10.0
    warm_up_s: float = 1.0
    rate_per_s: float | None = None

    def __post_init__(self) -> None:
        if self.concurrency < 1 or self.duration_s <= 0 or self.warm_up_s < 0:
            raise ValueError(
                "concurrency must be at least 1, duration_s above 0 and warm_up_s at least 0, got "
                f"{self.concurrency}, {self.duration_s} and {self.warm_up_s}"
            )
        if self.rate_per_s is not None and self.rate_per_s <= 0:
            raise ValueError(f"rate_per_s must be above 0, got {self.rate_per_s}")


@dataclass(frozen=True, kw_only=True)
class Latencies:
    """How long calls took, in seconds.

    Attributes:
      count: Of the calls.
      mean_s: Their mean.
      percentiles_s: By percentile, 0 to 100.
      max_s: The longest.
    """

    count: int
    mean_s: float
    percentiles_s: dict[float, float]
    max_s: float

    @classmethod
    def of(cls, seconds: array[float]) -> Latencies:
        """Those of the calls given; all nan if there is none."""
        if not seconds:
            nan = float("nan")
            return cls(count=0, mean_s=nan, percentiles_s=dict.fromkeys(PERCENTILES, nan), max_s=nan)
        values = np.array(seconds)
        found = np.percentile(values, PERCENTILES).tolist()
        return cls(
            count=len(values),
            mean_s=float(values.mean()),
            percentiles_s=dict(zip(PERCENTILES, found, strict=True)),
            max_s=float(values.max()),
        )


class Measurement:
    """What was measured so far; safe to look at from the same event loop at any time.

    Attributes:
      load: What is asked.
      latencies_s: Of the calls that were answered: in a closed loop from when they were sent, in an open loop from when
        they were due.
      errors: How many calls failed, by the name of the error.
      begin_s: On the monotonic clock, without the warm-up; None before.
      end_s: When the last answer came; None before.
    """

    def __init__(self, load: Load) -> None:
        self.load = load
        self.latencies_s = array("d")
        self.errors: Counter[str] = Counter()
        self.begin_s: float | None = None
        self.end_s: float | None = None

    @property
    def elapsed_s(self) -> float:
        """Without the warm-up."""
        if self.begin_s is None:
            return 0.0
        return (self.end_s or time.monotonic()) - self.begin_s

    @property
    def answers_per_s(self) -> float:
        """Throughput; calls that failed do not count."""
        return len(self.latencies_s) / self.elapsed_s if self.elapsed_s else 0.0

    async def run(self, ask: Ask, draw: random.Random | None = None) -> None:
        """Carries the load out; `ask` makes one call, and `draw` the times of an open loop."""
        loop = self._closed if self.load.rate_per_s is None else self._open
        draw = draw or random.Random()
        if self.load.warm_up_s:
            await loop(ask, time.monotonic() + self.load.warm_up_s, draw)
        self.latencies_s, self.errors = array("d"), Counter()
        self.begin_s = time.monotonic()
        await loop(ask, self.begin_s + self.load.duration_s, draw)
        self.end_s = time.monotonic()

    async def _closed(self, ask: Ask, end_s: float, draw: random.Random) -> None:
        async def caller() -> None:
            while (now_s := time.monotonic()) < end_s:
                await self._timed(ask, now_s)

        await asyncio.gather(*(caller() for _ in range(self.load.concurrency)))

    async def _open(self, ask: Ask, end_s: float, draw: random.Random) -> None:
        free = asyncio.Semaphore(self.load.concurrency)

        async def call(due_s: float) -> None:
            async with free:
                await self._timed(ask, due_s)

        under_way: set[asyncio.Task[None]] = set()
        for due_s in self._due_times(end_s, draw):
            await asyncio.sleep(max(due_s - time.monotonic(), 0.0))
            task = asyncio.ensure_future(call(due_s))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)

    def _due_times(self, end_s: float, draw: random.Random) -> Iterator[float]:
        assert self.load.rate_per_s is not None
        due_s = time.monotonic()
        while (due_s := due_s + draw.expovariate(self.load.rate_per_s)) < end_s:
            yield due_s

    async def _timed(self, ask: Ask, begin_s: float) -> None:
        try:
            await ask()
        except ServingError as error:
            self.errors[type(error).__name__] += 1
        else:
            self.latencies_s.append(time.monotonic() - begin_s)
