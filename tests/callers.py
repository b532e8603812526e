"""Threads that ask a server without pause."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from slipline.serving.errors import ServingError

Answer = TypeVar("Answer")


class Callers(Generic[Answer]):
    """Asks while the block runs, each of the calls in a thread of its own, again and again.

    Attributes:
      answers: In the order in which they came.
      errors: Of calls that failed.
    """

    def __init__(self, calls: Sequence[Callable[[], Answer]]) -> None:
        self._done = threading.Event()
        self.answers: list[Answer] = []
        self.errors: list[ServingError] = []
        self._threads = [threading.Thread(target=self._ask, args=(call,)) for call in calls]

    def _ask(self, call: Callable[[], Answer]) -> None:
        while not self._done.is_set():
            try:
                self.answers.append(call())
            except ServingError as error:
                self.errors.append(error)

    def __enter__(self) -> Callers[Answer]:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()
