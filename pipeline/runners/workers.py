"""Worker processes for components, one for each set of slow modules, so that importing overlaps with work.

The parent stays light, and no framework writes to its terminal: a worker's output goes to the run's log.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.queues import Queue
from pathlib import Path
from queue import Empty
from types import TracebackType
from typing import Any

from slipline.pipeline.core.artifact import Artifact
from slipline.pipeline.core.component import Component, Say
from slipline.pipeline.core.errors import StepCrashed
from slipline.pipeline.runners.execute import call_here

POLL_S = 0.05
"""How often a waiting parent looks for a line of progress."""

Loads = tuple[str, ...]


@dataclass(frozen=True)
class _Worker:
    executor: ProcessPoolExecutor
    lines: Queue[str]


class Workers:
    """Calls components in worker processes; use it as a context manager, so that none outlives the run.

    Attributes:
      log_path: Takes whatever the workers print.
    """

    def __init__(self, log_path: Path) -> None:
        self.log_path = log_path
        self._context = multiprocessing.get_context("spawn")
        self._workers: dict[Loads, _Worker] = {}

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for loads in list(self._workers):
            self.end(loads)

    def start(self, loads: Loads) -> None:
        """Starts the worker for components that load these modules, if there is none, and has it import them."""
        if loads not in self._workers:
            self._workers[loads] = self._new_worker()
            self._workers[loads].executor.submit(_import_all, loads)

    def end(self, loads: Loads) -> None:
        """Ends the worker of components that load these modules, whatever it is doing."""
        if worker := self._workers.pop(loads, None):
            processes = list((worker.executor._processes or {}).values())
            worker.executor.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                process.kill()
                process.join()

    def call(self, component: Component[Any, Any], arguments: Mapping[str, object], say: Say) -> Artifact:
        """Calls `component` in the worker for its modules; one that needs none goes to any worker.

        Raises:
          StepCrashed: The worker ended without an answer.
          ComponentError: The component failed.
        """
        loads = component.loads or next(iter(self._workers), ())
        self.start(loads)
        worker = self._workers[loads]
        try:
            future = worker.executor.submit(_call, component.module, component.name, arguments)
            _pass_lines_on(future, worker.lines, say)
            return future.result()
        except BrokenProcessPool as error:
            self._workers.pop(loads)
            raise StepCrashed(
                f"{component.name}: its process ended without a word (killed, or out of memory?); "
                f"{self.log_path} has its last lines. Run again to carry on"
            ) from error

    def _new_worker(self) -> _Worker:
        lines: Queue[str] = self._context.Queue()
        executor = ProcessPoolExecutor(
            max_workers=1,
            mp_context=self._context,
            initializer=_begin,
            initargs=(self.log_path, lines),
        )
        return _Worker(executor, lines)


def _pass_lines_on(future: Future[Artifact], lines: Queue[str], say: Say) -> None:
    while not future.done():
        try:
            say(lines.get(timeout=POLL_S))
        except Empty:
            continue


class _Channel:
    """Where a worker's components say how far they are; set once, when the process begins."""

    lines: Queue[str] | None = None


def _begin(log_path: Path, lines: Queue[str]) -> None:
    _Channel.lines = lines
    os.environ["PYTHONUNBUFFERED"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    log = os.open(log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _import_all(modules: Iterable[str]) -> None:
    for module in modules:
        importlib.import_module(module)


def _call(module: str, name: str, arguments: Mapping[str, object]) -> Artifact:
    component: Component[Any, Any] = getattr(importlib.import_module(module), name)
    lines = _Channel.lines
    return call_here(component, arguments, lines.put if lines is not None else print)
