from __future__ import annotations

import asyncio
import math
import random
import time
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.serving.client.load import PERCENTILES, Latencies, Load, Measurement
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

    measurement = Measurement(Load(duration_s=0.05, warm_up_s=0, concurrency=2))
    asyncio.run(measurement.run(refuse))
    assert measurement.errors["Overloaded"] > 0
    assert not measurement.latencies_s
    assert measurement.answers_per_s == 0


def test_latencies_are_those_of_all_calls() -> None:
    found = Latencies.of(array("d", range(1000, -1, -1)))
    assert found.percentiles_s == pytest.approx({50.0: 500.0, 90.0: 900.0, 95.0: 950.0, 99.0: 990.0, 99.9: 999.0})
    assert (found.count, found.mean_s, found.max_s) == (1001, 500.0, 1000.0)


def test_latencies_of_no_calls_are_no_numbers() -> None:
    found = Latencies.of(array("d"))
    assert found.count == 0
    assert tuple(found.percentiles_s) == PERCENTILES
    assert all(map(math.isnan, (found.mean_s, found.max_s, *found.percentiles_s.values())))


def test_throughput_is_that_of_answers_since_the_warm_up() -> None:
    measurement = Measurement(Load())
    assert (measurement.elapsed_s, measurement.answers_per_s) == (0.0, 0.0)
    measurement.latencies_s.extend([0.1] * 8)
    measurement.begin_s = time.monotonic() - 100.0
    assert 100.0 <= measurement.elapsed_s < 110.0
    measurement.end_s = measurement.begin_s + 4.0
    assert (measurement.elapsed_s, measurement.answers_per_s) == (4.0, 2.0)


@pytest.mark.parametrize("rate_per_s", [None, 200.0])
def test_calls_of_the_warm_up_are_made_and_do_not_count(rate_per_s: float | None) -> None:
    begin_s = time.monotonic()
    times_s: list[float] = []

    async def answer() -> None:
        times_s.append(time.monotonic())
        await asyncio.sleep(0.005)
        if len(times_s) == 1:
            raise Overloaded("no")

    measurement = Measurement(Load(duration_s=0.2, warm_up_s=0.1, rate_per_s=rate_per_s, concurrency=3))
    asyncio.run(measurement.run(answer, random.Random(1)))
    assert measurement.begin_s is not None
    counted = [each for each in times_s if each >= measurement.begin_s]
    assert 0 < len(measurement.latencies_s) == len(counted) < len(times_s)
    assert not measurement.errors
    assert measurement.begin_s - begin_s >= 0.1
    assert measurement.elapsed_s >= 0.2


@given(rate_per_s=st.sampled_from([20.0, 500.0]), seed=st.integers())
def test_calls_of_an_open_loop_are_due_at_the_rate_whatever_the_answers(rate_per_s: float, seed: int) -> None:
    measurement = Measurement(Load(rate_per_s=rate_per_s))
    now_s = time.monotonic()
    due_s = list(measurement._due_times(now_s + 100, random.Random(seed)))
    assert due_s == sorted(due_s)
    assert now_s <= due_s[0]
    assert due_s[-1] < now_s + 100
    assert abs(len(due_s) - 100 * rate_per_s) < 6 * math.sqrt(100 * rate_per_s)  # as a Poisson process varies


@pytest.mark.parametrize("wrong", [{"concurrency": 0}, {"duration_s": 0}, {"warm_up_s": -1}, {"rate_per_s": 0}])
def test_load_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Load(**wrong)  # type: ignore[arg-type]
