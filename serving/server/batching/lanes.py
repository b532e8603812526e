"""Requests of one kind that wait or run, and what is known of such runs. Nothing here is thread-safe."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from slipline.serving.errors import ServerUnavailable
from slipline.serving.server.batching.parameters import Batching
from slipline.serving.server.batching.rows import Arrays
from slipline.serving.wire.tensors import Array

Answer = asyncio.Future[Mapping[str, Array]]

NEW_WEIGHT = 0.1  # of the latest run in the estimate of the next


class QueueFull(ServerUnavailable):
    """So many requests wait already as may."""


class Graph(NamedTuple):
    """What runs: from these tensors to those."""

    feeds: tuple[str, ...]
    fetches: tuple[str, ...]


class Kind(NamedTuple):
    """Requests that take about equally long, row by row.

    Attributes:
      graph: What runs.
      inner: The dtype and the shape of a row of each feed; the whole shape where they have no rows in common.
      has_rows: Whether the feeds have a number of rows in common, 1 or more.
    """

    graph: Graph
    inner: tuple[tuple[np.dtype[Any], tuple[int, ...]], ...]
    has_rows: bool

    @classmethod
    def of(cls, feeds: Arrays, fetches: tuple[str, ...], *, has_rows: bool) -> Kind:
        """The kind of a request."""
        inner = tuple([(a.dtype, a.shape[1:] if has_rows else a.shape) for a in feeds.values()])
        return cls(Graph(tuple(feeds), fetches), inner, has_rows)


@dataclass
class Record:
    """What is known of a graph.

    Attributes:
      is_separable: Whether its answers may be computed together; a batch that shows otherwise ends it.
      is_foreseeable: Whether the shapes of the feeds decide how long it takes.
      batches: Run together so far.
    """

    is_separable: bool
    is_foreseeable: bool
    batches: int = 0

    @property
    def is_check_due(self) -> bool:
        """Before batches number 1, 2, 3, 5, 9, 17, ..."""
        return self.batches & (self.batches - 1) == 0


class Batch(NamedTuple):
    """Requests that ran together.

    Attributes:
      rows: Theirs together.
      filled_rows: The same, filled up to an allowed size.
      waited_s: How long the first of them waited, in seconds.
    """

    rows: int
    filled_rows: int
    waited_s: float


@dataclass(eq=False)
class Task:
    """One request; cancelling `answer` withdraws it, unless it runs already."""

    feeds: Arrays
    rows: int
    answer: Answer
    since_s: float


@dataclass
class Lane:
    """The requests of one kind.

    Attributes:
      kind: Theirs.
      record: What is known of such runs.
      running: How many go on.
      is_due: Whether it is settled when those that wait will run.
      waiting: Those that do, the longest first.
      waiting_rows: Theirs together.
      row_s: How long a row takes, in seconds, smoothed; None before the first run.
      company: How many requests ran together of late, smoothed.
    """

    kind: Kind
    record: Record
    running: int = 0
    is_due: bool = False
    waiting: deque[Task] = field(default_factory=deque)
    waiting_rows: int = 0
    row_s: float | None = None
    company: float = 1.0

    @property
    def joins(self) -> bool:
        """Whether what waits may run together."""
        return self.kind.has_rows and self.record.is_separable

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits or runs."""
        return not self.running and not self.waiting

    def add(self, task: Task, batching: Batching) -> None:
        """Has `task` wait.

        Raises:
          QueueFull: So many rows wait already as may.
        """
        most = batching.max_enqueued_batches
        if most is not None and self.waiting and self.waiting_rows + task.rows > most * batching.max_batch_size:
            raise QueueFull(
                "The batch scheduling queue to which this task was submitted is full; "
                f"{self.waiting_rows} rows wait and max_enqueued_batches is {most}"
            )
        self.waiting.append(task)
        self.waiting_rows += task.rows

    def take(self, max_rows: int) -> list[Task]:
        """The requests to run next, the longest waiting first: together at most `max_rows`, or a single one."""
        batch: list[Task] = []
        rows = 0
        while self.waiting and (not batch or rows + self.waiting[0].rows <= max_rows):
            task = self.waiting.popleft()
            self.waiting_rows -= task.rows
            if not task.answer.done():  # else nobody waits any more
                batch.append(task)
                rows += task.rows
        return batch

    def estimated_s(self, rows: int) -> float:
        """How long a run of so many rows should take, in seconds; infinite while nothing is known."""
        return math.inf if self.row_s is None or not self.record.is_foreseeable else self.row_s * max(rows, 1)

    def learn(self, batch: Sequence[Task], elapsed_s: float) -> None:
        """Takes in how long a run took, and of how many requests it was."""
        self.company += NEW_WEIGHT * (len(batch) - self.company)
        row_s = elapsed_s / max(rows_in(batch), 1)
        self.row_s = row_s if self.row_s is None else self.row_s + NEW_WEIGHT * (row_s - self.row_s)


def rows_in(tasks: Sequence[Task]) -> int:
    """The rows of all tasks together."""
    return sum(task.rows for task in tasks)
