from __future__ import annotations

import asyncio
import random

import pytest

from slipline.serving.client.load import Load, Measurement
from slipline.serving.errors import Overloaded


class Stalling:
    """Answers at once, but for one stall in which nobody gets an answer."""

    def __init__(self) -> None:
        self._free = asyncio.Lock()
        self._calls = 0

    async def __call__(self) -> None:
        async with self._free:
            self._calls += 1
            await asyncio.sleep(0.2 if self._calls == 10 else 0.001)


def measured(load: Load) -> Measurement:
    async def main() -> Measurement:
        measurement = Measurement(load)
        await measurement.run(Stalling(), random.Random(1))
        return measurement

    return asyncio.run(main())


def test_stall_counts_for_every_call_that_was_due_in_an_open_loop_alone() -> None:
    closed = measured(Load(duration_s=0.4, warm_up_s=0))
    opened = measured(Load(duration_s=0.4, warm_up_s=0, rate_per_s=200, concurrency=5))
    late_closed, late_opened = (sum(s > 0.05 for s in each.latencies_s) for each in (closed, opened))
    assert late_opened > 5 * late_closed > 0


def test_errors_are_counted_and_have_no_latency() -> None:
    async def refuse() -> None:
        await asyncio.sleep(0.001)
        raise Overloaded("no")

    async def main() -> Measurement:
        measurement = Measurement(Load(duration_s=0.05, warm_up_s=0, concurrency=2))
        await measurement.run(refuse)
        return measurement

    measurement = asyncio.run(main())
    assert measurement.errors["Overloaded"] > 0
    assert not measurement.latencies_s
    assert measurement.answers_per_s == 0


@pytest.mark.parametrize("wrong", [{"concurrency": 0}, {"duration_s": 0}, {"rate_per_s": 0}])
def test_load_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Load(**wrong)  # type: ignore[arg-type]
