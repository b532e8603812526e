"""Worker processes for components, kept for those that load the same slow modules: importing overlaps with work.

The parent stays light, and no framework writes to its terminal: a worker's output goes to the run's log.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing import Pipe
from threading import Lock, Thread
from types import TracebackType
from typing import Any

from slipline.pipeline.core.artifact import Artifact
from slipline.pipeline.core.component import Component, ComponentError, Say
from slipline.pipeline.core.errors import StepCrashed, StepTimedOut
from slipline.pipeline.runners.call import place_of
from slipline.pipeline.runners.run_log import RunLog

SENT_BY_VALUE = "<dynamic-code>"
"""What cloudpickle puts for the file of a function."""

POLL_S = 0.1
"""How often a waiting parent looks whether a worker still lives, should nothing come from it."""

DRAIN_S = 1.0
"""How long the last words of a worker may take to reach the log."""

Loads = tuple[str, ...]


class Workers:
    """Calls components in worker processes; use it as a context manager, so that none outlives the run.

    Safe to use from several threads.

    Args:
      log: Takes whatever the workers print.
    """

    def __init__(self, log: RunLog) -> None:
        self.log = log
        self._lock = Lock()
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._is_closed = False

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self, loads: Loads) -> None:
        """Starts a worker for components that load these modules, if there is none, and has it import them."""
        with self._lock:
            if not self._is_closed and all(worker.loads != loads for worker in (*self._idle, *self._busy)):
                self._idle.append(_Worker(loads, self.log))

    def end(self, loads: Loads) -> None:
        """Ends the idle workers of components that load these modules."""
        with self._lock:
            ending = [worker for worker in self._idle if worker.loads == loads]
            self._idle = [worker for worker in self._idle if worker.loads != loads]
        for worker in ending:
            worker.kill()

    def close(self) -> None:
        """Ends all workers, whatever they are doing; calls under way end with StepCrashed, and so do later ones."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
            for worker in self._busy:  # whoever waits for it clears up after it
                worker.end()
        for worker in idle:
            worker.kill()

    def call(
        self, component: Component[Any, Any], arguments: Mapping[str, object], say: Say, timeout_s: float | None = None
    ) -> Artifact:
        """Calls `component` in a worker that has its modules.

        Args:
          component: What to call.
          arguments: All but `say`.
          say: Told how far the work is.
          timeout_s: How long it may take; None for as long as it wants.

        Raises:
          StepCrashed: The worker ended without an answer.
          StepTimedOut: It took longer, and was ended.
          ComponentError: The component failed.
        """
        from slipline.pipeline.runners.worker import Made, request_for

        worker = self._take(component.loads)
        try:
            worker.send(request_for(component, arguments))
            answer = worker.answer(say, timeout_s, component)
        except BaseException:
            worker.kill()
            with self._lock:
                self._busy.discard(worker)
            raise
        with self._lock:
            self._busy.discard(worker)
            self._idle.append(worker)
        if isinstance(answer, Made):
            return answer.artifact
        raise ComponentError(_in_its_file(answer.message, component))

    def _take(self, loads: Loads) -> _Worker:
        with self._lock:
            if self._is_closed:
                raise StepCrashed("the run was interrupted; run again to carry on")
            fitting = [worker for worker in self._idle if worker.loads == loads]
            worker = fitting[0] if fitting else _Worker(loads, self.log)
            if fitting:
                self._idle.remove(worker)
            self._busy.add(worker)
            return worker


def _in_its_file(message: str, component: Component[Any, Any]) -> str:
    """The message, with the file of a function of the main program, which went to the worker without it."""
    code = getattr(component.function, "__code__", None)
    return message.replace(SENT_BY_VALUE, code.co_filename) if code else message


class _Worker:
    """One process, and the ends of what leads to it."""

    def __init__(self, loads: Loads, log: RunLog) -> None:
        self.loads = loads
        self._log = log
        self._connection, theirs = Pipe()
        lifeline, self._lifeline = os.pipe()
        output, printed = os.pipe()
        descriptors = (theirs.fileno(), lifeline)
        code = (
            f"import sys; sys.path[:] = {sys.path!r}; from slipline.pipeline.runners.worker import serve; "
            f"serve({descriptors[0]}, {descriptors[1]}, {loads!r})"
        )
        environment = {"TF_CPP_MIN_LOG_LEVEL": "1", **os.environ, "PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            env=environment,
            pass_fds=descriptors,
            start_new_session=True,  # so that it is ended with all that it started
        )
        theirs.close()
        for descriptor in (lifeline, printed):
            os.close(descriptor)
        self._drained: Thread = log.drain(output)

    def send(self, message: bytes) -> None:
        """Sends a request; a worker that is gone is noticed when its answer is waited for."""
        with suppress(OSError):
            self._connection.send_bytes(message)

    def answer(self, say: Say, timeout_s: float | None, component: Component[Any, Any]) -> Any:
        """What the worker says in the end, lines of progress passed on.

        Raises:
          StepCrashed: It ended without an answer.
          StepTimedOut: It took longer than `timeout_s`.
        """
        from slipline.pipeline.runners.worker import Said

        deadline_s = time.monotonic() + timeout_s if timeout_s is not None else float("inf")
        while time.monotonic() < deadline_s:
            is_over = self._process.poll() is not None
            try:
                if self._connection.poll(0 if is_over else POLL_S):
                    said = pickle.loads(self._connection.recv_bytes())
                    if not isinstance(said, Said):
                        return said
                    say(said.line)
                    continue
            except (OSError, EOFError):
                is_over = True
            if is_over:
                raise self._crashed(component)
        raise StepTimedOut(
            f"took longer than its time limit of {timeout_s:g} s, and was stopped "
            f"({place_of(component)}); raise timeout_s, or see {self._log.path} for how far it came"
        )

    def _crashed(self, component: Component[Any, Any]) -> StepCrashed:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(DRAIN_S)
        code = self._process.returncode
        how = f"was ended by {signal.Signals(-code).name}" if code and code < 0 else f"ended itself with status {code}"
        memory = ", perhaps for want of memory" if code == -signal.SIGKILL else ""
        return StepCrashed(
            f"its process {how}{memory} ({place_of(component)}); {self._log.path} has its last "
            "words. Run again to carry on"
        )

    def end(self) -> None:
        """Ends the process and all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def kill(self) -> None:
        """Ends the process and all that it started; what they had printed is in the log then."""
        self.end()
        self._process.wait()
        self._drained.join(DRAIN_S)
        with suppress(OSError):
            os.close(self._lifeline)
        self._connection.close()
