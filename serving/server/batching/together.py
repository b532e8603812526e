"""Computes the answers of several requests, in one run where their rows do not depend on each other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from slipline.serving.server.batching.lanes import Record, Task
from slipline.serving.server.batching.parameters import Batching
from slipline.serving.server.batching.rows import Arrays, agree, are_equal, even_parts, joined, rows_of, split
from slipline.serving.wire.tensors import Array

log = logging.getLogger(__name__)

PART_ROWS = 64  # of a large request; fewer are hardly quicker than all

Compute = Callable[[Mapping[str, Array], Sequence[str]], dict[str, Array]]
Outcome = Arrays | Exception


class Together:
    """Runs requests through one model.

    Models whose rows depend on each other would answer differently in a batch. So batches number 1, 2, 3, 5, 9, 17, ...
    are run request by request as well: if the answers differ, that kind of request is never run together again.
    """

    def __init__(self, compute: Compute, batching: Batching, *, parts: int) -> None:
        """Nothing is computed yet.

        Args:
          compute: Gives the tensors asked for, given those fed. Thread-safe.
          batching: How requests are run together.
          parts: Into how many parts a large request falls, to be run side by side.
        """
        self._compute = compute
        self._batching = batching
        self._parts = parts
        self._helpers = ThreadPoolExecutor(parts, thread_name_prefix="part")

    def close(self) -> None:
        """Ends the threads, after the last run."""
        self._helpers.shutdown()

    def outcomes(self, fetches: Sequence[str], record: Record, tasks: Sequence[Task]) -> Sequence[Outcome]:
        """The answer of each task, or what it is refused with."""
        is_single = len(tasks) == 1
        if not record.is_separable or (is_single and (self._parts == 1 or tasks[0].rows < 2 * PART_ROWS)):
            return [self._alone(task, fetches) for task in tasks]
        is_check = record.is_check_due
        if is_check and not is_single and all(are_equal(tasks[0].feeds, task.feeds) for task in tasks[1:]):
            # Equal rows show nothing about a mix.
            if not record.batches:
                return [self._alone(tasks[0], fetches)] * len(tasks)
            is_check = False
        together = self._in_parts(fetches, tasks[0]) if is_single else self._together(fetches, tasks)
        if together is not None and not is_check:
            record.batches += 1
            return together
        alone = [self._alone(task, fetches) for task in tasks]
        if _are_separable(together, alone):
            record.batches += together is not None
        else:
            record.is_separable = False
            log.warning("requests for %s run one by one: together, they are answered differently", ", ".join(fetches))
        return alone

    def _together(self, fetches: Sequence[str], tasks: Sequence[Task]) -> Sequence[Arrays] | None:
        """The answers out of one run; None if that fails or gives another number of rows."""
        sizes = [task.rows for task in tasks]
        rows = self._batching.filled(sum(sizes))
        try:
            return split(self._compute(joined([task.feeds for task in tasks], rows), fetches), sizes, rows)
        except Exception as error:  # of whatever kind: each of the requests is run again, and has its own
            log.debug("a batch of %d requests failed: %s", len(tasks), error)
            return None

    def _in_parts(self, fetches: Sequence[str], task: Task) -> Sequence[Arrays] | None:
        """The answer to a large request, whose parts are run side by side; None if that fails or gives no rows."""
        parts = even_parts(task.feeds, min(self._parts, task.rows // PART_ROWS))
        try:
            others = [self._helpers.submit(self._compute, part, fetches) for part in parts[1:]]
            answers = [self._compute(parts[0], fetches), *(other.result() for other in others)]
            return [joined(answers, sum(map(rows_of, answers)))] if all(map(rows_of, answers)) else None
        except Exception as error:  # of whatever kind: run whole, the request has its own
            log.debug("a request of %d rows failed in parts: %s", task.rows, error)
            return None

    def _alone(self, task: Task, fetches: Sequence[str]) -> Outcome:
        try:
            return self._compute(task.feeds, fetches)
        except Exception as error:  # of whatever kind: it is raised where the request came from
            return error


def _are_separable(together: Sequence[Arrays] | None, alone: Sequence[Outcome]) -> bool:
    """Whether one batch shows nothing against running together; its failure does if no request fails alone."""
    if together is None:
        return any(isinstance(outcome, Exception) for outcome in alone)
    return all(
        isinstance(outcome, Mapping) and agree(outcome, answer) for outcome, answer in zip(alone, together, strict=True)
    )
