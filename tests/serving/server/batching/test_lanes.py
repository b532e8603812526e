"""The requests of one kind: who runs next, and what is learned of how long they take."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.serving.server.batching.lanes import Graph, Kind, Lane, QueueFull, Record, Task, rows_in
from slipline.serving.server.batching.parameters import Batching

SIZES = st.lists(st.integers(1, 6), max_size=20)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def lane(*, is_separable: bool = True, is_foreseeable: bool = True, has_rows: bool = True) -> Lane:
    kind = Kind.of({"x": np.ones((1, 4))}, ("y",), has_rows=has_rows)
    return Lane(kind, Record(is_separable=is_separable, is_foreseeable=is_foreseeable))


def task(loop: asyncio.AbstractEventLoop, rows: int) -> Task:
    return Task({}, rows, loop.create_future(), 0.0)


@given(sizes=SIZES, gone=st.sets(st.integers(0, 19)), max_rows=st.integers(1, 10))
def test_all_that_wait_run_in_turn_with_as_much_company_as_finds_room(
    loop: asyncio.AbstractEventLoop, sizes: list[int], gone: set[int], max_rows: int
) -> None:
    waiting, tasks = lane(), [task(loop, rows) for rows in sizes]
    for each in tasks:
        waiting.add(each, Batching())
    assert waiting.waiting_rows == sum(sizes)
    for number in gone & set(range(len(tasks))):
        tasks[number].answer.cancel()
    batches = []
    while waiting.waiting:
        batches.append(waiting.take(max_rows))
        assert waiting.waiting_rows == rows_in(list(waiting.waiting))
        if waiting.waiting and batches[-1]:
            assert rows_in(batches[-1]) + waiting.waiting[0].rows > max_rows
    assert [each for batch in batches for each in batch] == [each for each in tasks if not each.answer.done()]
    assert all(len(batch) <= 1 or rows_in(batch) <= max_rows for batch in batches)


@given(sizes=SIZES, most=st.integers(1, 3), batch=st.integers(1, 6))
def test_no_more_rows_wait_than_may_but_for_a_single_request(
    loop: asyncio.AbstractEventLoop, sizes: list[int], most: int, batch: int
) -> None:
    waiting = lane()
    for rows in sizes:
        before = waiting.waiting_rows
        fits = before == 0 or before + rows <= most * batch
        try:
            waiting.add(task(loop, rows), Batching(max_batch_size=batch, max_enqueued_batches=most))
        except QueueFull:
            assert not fits
            assert waiting.waiting_rows == before
        else:
            assert fits
            assert waiting.waiting_rows == before + rows


def test_runs_are_estimated_from_those_before_row_by_row(loop: asyncio.AbstractEventLoop) -> None:
    ran = lane()
    assert ran.estimated_s(5) == math.inf
    ran.learn([task(loop, 4), task(loop, 4)], 8.0)
    assert (ran.row_s, ran.company) == (1.0, 1.1)
    assert (ran.estimated_s(5), ran.estimated_s(0)) == (5.0, 1.0)
    ran.learn([task(loop, 0)], 2.0)
    assert ran.row_s == pytest.approx(1.1)
    assert ran.company == pytest.approx(1.09)
    unforeseeable = lane(is_foreseeable=False)
    unforeseeable.learn([task(loop, 1)], 1.0)
    assert unforeseeable.estimated_s(1) == math.inf


@pytest.mark.parametrize(("is_separable", "has_rows"), [(True, True), (True, False), (False, True), (False, False)])
def test_requests_join_where_they_have_rows_that_do_not_depend_on_each_other(
    is_separable: bool, has_rows: bool
) -> None:
    assert lane(is_separable=is_separable, has_rows=has_rows).joins == (is_separable and has_rows)


def test_lane_is_idle_while_nothing_waits_or_runs(loop: asyncio.AbstractEventLoop) -> None:
    busy = lane()
    assert busy.is_idle
    busy.add(task(loop, 1), Batching())
    assert not busy.is_idle
    busy.take(1)
    assert busy.is_idle
    busy.running = 1
    assert not busy.is_idle


def test_requests_are_of_one_kind_where_dtypes_and_rows_are_alike() -> None:
    def kind(shape: tuple[int, ...], dtype: str = "f4", *, has_rows: bool = True) -> Kind:
        return Kind.of({"x": np.ones(shape, dtype)}, ("y",), has_rows=has_rows)

    assert kind((1, 4)) == kind((3, 4)) != kind((1, 5))
    assert kind((1, 4)) != kind((1, 4), "f8")
    assert kind((1, 4), has_rows=False) != kind((3, 4), has_rows=False)
    assert kind((1, 4)).graph == Graph(("x",), ("y",))


def test_batches_are_checked_ever_less_often() -> None:
    record = Record(is_separable=True, is_foreseeable=True)
    due = []
    for number in range(1, 40):
        if record.is_check_due:
            due.append(number)
        record.batches += 1
    assert due == [1, 2, 3, 5, 9, 17, 33]
