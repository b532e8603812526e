"""One execution of one step, start to commit: gates, cache look-up, call, record.

The local runner and a container both come through here.
"""

from __future__ import annotations

import enum
import errno
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipline.pipeline.core.artifact import Artifact, Verdict
from slipline.pipeline.core.component import Component, ComponentError, Say
from slipline.pipeline.core.errors import PipelineError, StepError
from slipline.pipeline.core.fingerprint import CacheKey, artifact_digest, cache_key
from slipline.pipeline.core.graph import Given, Source, Step
from slipline.pipeline.store.store import Committed, InputRecord, Store

Call = Callable[[Component[Any, Any], Mapping[str, object], Say], Artifact]
"""Calls a component with its arguments, here or in another process."""

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Status(enum.Enum):
    """How a step ended."""

    DONE = "done"
    CACHED = "cached"
    BLOCKED = "blocked"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one step of a run went.

    Attributes:
      step: Its name.
      status: BLOCKED by a gate; SKIPPED because something upstream did not run.
      seconds: Wall time.
      made: What it made, now or earlier; None unless DONE or CACHED.
      message: Why it did not run or failed; empty otherwise.
    """

    step: str
    status: Status
    seconds: float
    made: Committed | None = None
    message: str = ""


def call_here(component: Component[Any, Any], arguments: Mapping[str, object], say: Say) -> Artifact:
    """Calls `component` in this process; `say` is passed on if it takes one.

    Raises:
      ComponentError: It failed; of a failure that it did not foresee, the cause says where.
    """
    service = {"say": say} if "say" in component.services else {}
    with _only_component_errors():
        made: Artifact = component(**arguments, **service)
        return made


def execute(
    step: Step,
    made: Mapping[Step, Committed],
    store: Store,
    *,
    call: Call = call_here,
    say: Say = lambda line: None,
    fresh: bool = False,
    on_miss: Callable[[], None] = lambda: None,
) -> Outcome:
    """Brings `step` to its end: blocked by a gate, found in the cache, or called and committed.

    Args:
      step: What to execute.
      made: What the steps upstream made.
      store: Where results are kept.
      call: How the component is called; one that is never cached is called in this process, as every run waits for it.
      say: Told how far the work is.
      fresh: Whether to call the component even if an earlier result could stand in.
      on_miss: Called before the component is.

    Returns:
      The outcome: DONE, CACHED or BLOCKED.

    Raises:
      StepError: The component failed; nothing was committed.
    """
    started = time.perf_counter()
    if closed := _closed_gates(step, made):
        return Outcome(step=step.name, status=Status.BLOCKED, seconds=0.0, message=closed)
    inputs = {name: _input_record(source, made, store) for name, source in step.inputs.items()}
    key = _key(step, inputs, store)
    with store.lock(key, on_wait=lambda: say("waiting for another run that is at this step")):
        if fresh:
            store.drop_scratch(key)
        earlier = None if fresh else store.find(key, step.output)
        work = _Work(step=step, inputs=inputs, gates=_gate_records(step, made), key=key, store=store)
        if not step.component.cached:
            current = work.call_and_commit(call_here, say, earlier)
        elif earlier is None:
            on_miss()
            current = work.call_and_commit(call, say)
        else:
            current = earlier
    status = Status.CACHED if current is earlier else Status.DONE
    return Outcome(step=step.name, status=status, seconds=time.perf_counter() - started, made=current)


def _closed_gates(step: Step, made: Mapping[Step, Committed]) -> str:
    closed: list[str] = []
    for gate in step.only_if:
        verdict = made[gate].artifact
        if isinstance(verdict, Verdict) and not verdict.passed:
            closed.extend(f"{gate.name}: {reason}" for reason in verdict.reasons or ("did not pass",))
    return "\n".join(closed)


def _input_record(source: Source, made: Mapping[Step, Committed], store: Store) -> InputRecord:
    if isinstance(source, Given):
        try:
            digest = artifact_digest(source.artifact, store.sha256)
        except OSError as error:
            raise StepError(
                f"{source.name}: wanted {type(source.artifact).__name__} at {source.artifact.path}, but it cannot be "
                f"read ({error.strerror}); {source.remedy}"
            ) from error
        return InputRecord(artifact=source.artifact, digest=digest, execution_id=None)
    return _record_of(made[source])


def _key(step: Step, inputs: Mapping[str, InputRecord], store: Store) -> CacheKey:
    digests = {name: record.digest for name, record in inputs.items()}
    with _naming(step):
        return cache_key(step.component, digests, step.settings, store.sha256)


def _gate_records(step: Step, made: Mapping[Step, Committed]) -> dict[str, InputRecord]:
    return {gate.name: _record_of(made[gate], gate=True) for gate in step.only_if}


def _record_of(made: Committed, *, gate: bool = False) -> InputRecord:
    return InputRecord(artifact=made.artifact, digest=made.digest, execution_id=made.execution_id, gate=gate)


@dataclass(frozen=True, kw_only=True)
class _Work:
    """A step whose component has to be called."""

    step: Step
    inputs: Mapping[str, InputRecord]
    gates: Mapping[str, InputRecord]
    key: CacheKey
    store: Store

    def call_and_commit(self, call: Call, say: Say, earlier: Committed | None = None) -> Committed:
        """Calls the component and commits what it made, unless that is what `earlier` is already."""
        started = time.perf_counter()
        with _naming(self.step):
            execution_id, folder = self.store.new_folder(self.step.name)
        try:
            with _naming(self.step):
                artifact = call(self.step.component, self._arguments(folder), say)
                _is_what_was_declared(self.step, artifact, folder)
                if earlier is not None and artifact_digest(artifact) == earlier.digest:
                    shutil.rmtree(folder)
                    return earlier
                committed = self.store.commit(
                    execution_id=execution_id,
                    step=self.step.name,
                    component=self.step.component.name,
                    key=self._key_after_call(),
                    inputs={**self.gates, **self.inputs},
                    artifact=artifact,
                    seconds=time.perf_counter() - started,
                )
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self.store.drop_scratch(self.key)
        return committed

    def _key_after_call(self) -> CacheKey:
        """The key made anew, as the call itself may have fetched what the component reads from outside.

        Raises:
          StepError: Its code or files changed during the call, so that nobody knows which of them made the result.
        """
        after = _key(self.step, self.inputs, self.store)
        fetched = not self.key.files and after.code == self.key.code
        if after.digest != self.key.digest and not fetched:
            changed = "its source code" if after.code != self.key.code else "what it reads"
            raise StepError(f"{self.step.name}: {changed} changed while it ran, so its result was dropped; run again")
        return after

    def _arguments(self, folder: Path) -> dict[str, object]:
        services: dict[str, object] = {}
        if "out" in self.step.component.services:
            services["out"] = folder
        if "scratch" in self.step.component.services:
            services["scratch"] = self.store.scratch(self.key)
        artifacts = {name: record.artifact for name, record in self.inputs.items()}
        return {**artifacts, **self.step.settings, **services}


def _is_what_was_declared(step: Step, artifact: Artifact, folder: Path) -> None:
    if not isinstance(artifact, step.output):
        raise ComponentError(
            f"made {type(artifact).__name__} where it declares {step.output.__name__}; mend its return"
        )
    if not artifact.path.is_relative_to(folder):
        raise ComponentError(f"its artifact lies at {artifact.path}, but must lie in its folder `out`, {folder}")


@contextmanager
def _only_component_errors() -> Iterator[None]:
    """Lets foreseen failures out of the block as they are, others in words for a person and the cause kept."""
    try:
        yield
    except (ComponentError, StepError):
        raise
    except Exception as error:
        if _is_disk_full(error):
            raise ComponentError(
                "no space left to write its result; nothing half-written was kept. "
                "Free space, or move the home with SLIPLINE_HOME, and run again"
            ) from error
        if isinstance(error, PipelineError):
            raise
        raise ComponentError(f"unexpected {type(error).__name__}: {error}; the run's log has the traceback") from error


@contextmanager
def _naming(step: Step) -> Iterator[None]:
    """Lets StepErrors that name the step out of the block in place of ComponentErrors."""
    try:
        with _only_component_errors():
            yield
    except ComponentError as error:
        raise StepError(f"{step.name}: {error}") from error


def _is_disk_full(error: BaseException) -> bool:
    """Whether the disk is full; Beam, TensorFlow and SQLite say so only in the text of errors of their own."""
    words = ("No space left on device", "database or disk is full")
    return (isinstance(error, OSError) and error.errno in DISK_FULL) or any(text in str(error) for text in words)
