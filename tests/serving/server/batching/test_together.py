"""Requests run in one run or one by one, with models that are functions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from slipline.serving.server.batching.lanes import Record, Task
from slipline.serving.server.batching.parameters import Batching
from slipline.serving.server.batching.together import PART_ROWS, Together
from slipline.serving.wire.tensors import Array

Rows = Callable[[Array], Array]


def doubled(x: Array) -> Array:
    if (x > 1000).any():
        raise ValueError("too large")
    return 2 * x


def centred(x: Array) -> Array:
    return x - x.mean()


def summed(x: Array) -> Array:
    return np.array([x.sum()])


class Model:
    """Runs a function of x, and notes how many rows each run had."""

    def __init__(self, function: Rows) -> None:
        self.function = function
        self.sizes: list[int] = []

    def __call__(self, feeds: Mapping[str, Array], fetches: Sequence[str]) -> dict[str, Array]:
        assert list(fetches) == ["y"]
        self.sizes.append(len(feeds["x"]))
        return {"y": self.function(feeds["x"])}


@pytest.fixture
def outcomes() -> Iterator[Callable[..., list[Any]]]:
    """What comes of tasks with these rows, and of how many rows the runs were."""
    made: list[Together] = []

    def ask(model: Model, record: Record, *xs: Any, parts: int = 1, **batching: Any) -> list[Any]:
        loop = asyncio.new_event_loop()
        tasks = [Task({"x": np.float64(x)}, len(x), loop.create_future(), 0.0) for x in xs]
        loop.close()
        made.append(Together(model, Batching(**batching), parts=parts))
        model.sizes.clear()
        found = made[-1].outcomes(["y"], record, tasks)
        return [each if isinstance(each, Exception) else each["y"].tolist() for each in found]

    yield ask
    for each in made:
        each.close()


Ask = Callable[..., list[Any]]


def record(batches: int = 0, *, is_separable: bool = True) -> Record:
    return Record(is_separable=is_separable, is_foreseeable=True, batches=batches)


def test_batches_are_checked_until_they_are_trusted(outcomes: Ask) -> None:
    model, known = Model(doubled), record()
    for number in range(1, 7):
        assert outcomes(model, known, [1, 2], [3]) == [[2, 4], [6]]
        assert model.sizes == ([3, 2, 1] if number in (1, 2, 3, 5) else [3])
        assert known.batches == number


def test_requests_that_may_not_run_together_run_alone(outcomes: Ask) -> None:
    model, known = Model(centred), record(is_separable=False)
    assert outcomes(model, known, [1, 2], [3]) == [[-0.5, 0.5], [0]]
    assert (model.sizes, known.batches) == ([2, 1], 0)


@pytest.mark.parametrize("function", [centred, summed])
def test_a_batch_that_shows_that_rows_depend_on_each_other_is_the_last(outcomes: Ask, function: Rows) -> None:
    model, known = Model(function), record()
    assert outcomes(model, known, [1, 2], [3]) == [
        function(np.float64([1, 2])).tolist(),
        function(np.float64([3])).tolist(),
    ]
    assert (known.is_separable, model.sizes) == (False, [3, 2, 1])
    outcomes(model, known, [1], [2])
    assert model.sizes == [1, 1]


def test_a_check_is_made_of_requests_that_differ(outcomes: Ask) -> None:
    """Equal ones would show nothing about a mix."""
    model, known = Model(centred), record()
    assert outcomes(model, known, [1, 2], [1, 2]) == [[-0.5, 0.5]] * 2
    assert (model.sizes, known.batches) == ([2], 0)
    known.batches = 1
    assert len(outcomes(Model(doubled), known, [1], [1])) == 2
    assert known.batches == 2


def test_a_request_that_fails_fails_alone_and_tells_nothing_of_the_others(outcomes: Ask) -> None:
    model, known = Model(doubled), record(batches=3)
    good, bad = outcomes(model, known, [1, 2], [3000])
    assert good == [2, 4]
    assert str(bad) == "too large"
    assert (known.is_separable, known.batches, model.sizes) == (True, 3, [3, 2, 1])


def test_a_batch_that_fails_where_no_request_does_is_the_last(outcomes: Ask) -> None:
    def few(x: Array) -> Array:
        if len(x) > 2:
            raise ValueError("too many rows")
        return x

    known = record(batches=3)
    assert outcomes(Model(few), known, [1, 2], [3]) == [[1, 2], [3]]
    assert not known.is_separable


def test_a_batch_is_filled_up_with_rows_that_nobody_gets(outcomes: Ask) -> None:
    model = Model(doubled)
    sizes = {"max_batch_size": 8, "allowed_batch_sizes": (4, 8)}
    assert outcomes(model, record(batches=3), [1, 2], [3], **sizes) == [[2, 4], [6]]
    assert model.sizes == [4]


@pytest.mark.parametrize(
    ("rows", "parts", "sizes"),
    [
        (2 * PART_ROWS - 1, 4, [2 * PART_ROWS - 1]),
        (2 * PART_ROWS, 4, [PART_ROWS] * 2),
        (3 * PART_ROWS + 1, 4, [64, 64, 65]),
        (8 * PART_ROWS, 4, [2 * PART_ROWS] * 4),
        (8 * PART_ROWS, 1, [8 * PART_ROWS]),
    ],
)
def test_a_large_request_runs_in_parts(outcomes: Ask, rows: int, parts: int, sizes: list[int]) -> None:
    model, known = Model(doubled), record(batches=3)
    x = list(range(rows))
    assert outcomes(model, known, x, parts=parts) == [[2 * value for value in x]]
    assert sorted(model.sizes) == sizes


def test_a_large_request_that_fails_in_parts_is_run_whole(outcomes: Ask) -> None:
    known = record(batches=3)
    x = [*[1] * 127, 3000]
    (bad,) = outcomes(Model(doubled), known, x, parts=2)
    assert str(bad) == "too large"
    assert known.is_separable


def test_a_model_that_gives_no_rows_for_parts_is_run_whole_from_then_on(outcomes: Ask) -> None:
    model, known = Model(lambda x: np.float64(x.sum())), record()
    assert outcomes(model, known, [1] * 128, parts=2) == [128.0]
    assert not known.is_separable
    assert outcomes(model, known, [1] * 128, parts=2) == [128.0]
    assert model.sizes == [128]
