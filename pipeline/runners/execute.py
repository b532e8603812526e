"""One execution of one step, start to commit: gates, cache look-up, call, record.

The local runner and a container both come through here.
"""

from __future__ import annotations

import enum
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from textwrap import shorten
from typing import TypeVar

from pydantic import ValidationError

from slipline.pipeline.core.artifact import Artifact, RunOutcome, Verdict
from slipline.pipeline.core.component import ComponentError, Say
from slipline.pipeline.core.errors import StepCrashed, StepError, StepTimedOut
from slipline.pipeline.core.fingerprint import CacheKey, artifact_digest, cache_key, canonical
from slipline.pipeline.core.graph import Given, Source, Step, sources_of
from slipline.pipeline.core.source_code import Sources
from slipline.pipeline.core.visible import told
from slipline.pipeline.runners.call import Call, call_here, only_component_errors, place_of
from slipline.pipeline.store.store import Committed, Known, Store, artifact_from_json, artifact_to_json, remove

T = TypeVar("T")


class Status(enum.Enum):
    """How a step ended."""

    DONE = "done"
    CACHED = "cached"
    BLOCKED = "blocked"
    SKIPPED = "skipped"
    FAILED = "failed"
    NOT_NEEDED = "not needed"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one step of a run went.

    Attributes:
      step: Its name.
      status: BLOCKED by a gate; SKIPPED because something upstream did not run; NOT_NEEDED as its condition says.
      seconds: Wall time.
      made: What it made, now or earlier; None unless DONE or CACHED.
      message: Why it did not run or failed; empty otherwise.
    """

    step: str
    status: Status
    seconds: float = 0.0
    made: Committed | None = None
    message: str = ""

    @property
    def closed(self) -> Verdict | None:
        """Its verdict, if that did not pass."""
        artifact = self.made.artifact if self.made else None
        return artifact if isinstance(artifact, Verdict) and not artifact.passed else None

    @property
    def passed(self) -> bool:
        """Whether the run may pass as far as this step goes."""
        return self.status in (Status.DONE, Status.CACHED, Status.NOT_NEEDED) and self.closed is None


Ended = Mapping[Step, Outcome]
"""How the steps upstream went."""


def execute(
    step: Step,
    ended: Ended,
    store: Store,
    *,
    call: Call = call_here,
    say: Say = lambda line: None,
    fresh: bool = False,
    sources: Sources | None = None,
    run_outcome: RunOutcome | None = None,
) -> Outcome:
    """Brings `step` to its end: left out as what it waits for says, found in the cache, or called and committed.

    Args:
      step: What to execute.
      ended: How the steps upstream went.
      store: Where results are kept.
      call: How the component is called.
      say: Told how far the work is.
      fresh: Whether to call the component even if an earlier result could stand in.
      sources: The code as it is now; read anew by default.
      run_outcome: How the run went, for the step at its end; that one is never left out.

    Returns:
      The outcome: all but FAILED.

    Raises:
      StepError: The component failed; nothing was committed.
    """
    started = time.perf_counter()
    if run_outcome is None and (left_out := _left_out(step, ended)):
        return left_out
    work = _Work(step, ended, store, run_outcome, sources or Sources())
    key = work.key(work.sources)
    with store.lock(key, on_wait=lambda: say("waiting for another run that is at this step")):
        if fresh:
            store.drop_scratch(key)
        earlier = None if fresh else store.find(key, step.output)
        if earlier is None or not step.component.cached:
            current = work.call_and_commit(call, say, key, earlier)
        else:
            current = earlier
    status = Status.CACHED if current is earlier else Status.DONE
    return Outcome(step=step.name, status=status, seconds=time.perf_counter() - started, made=current)


def key_of(step: Step, ended: Ended, store: Store) -> str:
    """The digest of the cache key of a step for which all upstream made something."""
    sources = Sources()
    return _Work(step, ended, store, None, sources).key(sources).digest


def _left_out(step: Step, ended: Ended) -> Outcome | None:
    """The outcome of a step that is not to run; None if it is."""
    if missing := [other.name for other in step.upstream if not ended[other].made and not _not_needed(other, ended)]:
        message = f"needs {', '.join(missing)}, which did not run"
        return Outcome(step=step.name, status=Status.SKIPPED, message=message)
    if step.unless and all(_not_needed(gate, ended) or ended[gate].closed is None for gate in step.unless):
        passed = " and ".join(gate.name for gate in step.unless)
        return Outcome(step=step.name, status=Status.NOT_NEEDED, message=f"not needed, as {passed} passed")
    inputs = ((bound, step.component.inputs[name]) for name, bound in step.inputs.items())
    required = [bound for bound, taken in inputs if isinstance(bound, Step) and not taken.optional]
    if unmade := [other.name for other in (*required, *step.only_if) if _not_needed(other, ended)]:
        message = f"not needed, as {', '.join(unmade)} was not"
        return Outcome(step=step.name, status=Status.NOT_NEEDED, message=message)
    if closed := _closed_gates(step, ended):
        return Outcome(step=step.name, status=Status.BLOCKED, message=closed)
    return None


def _not_needed(step: Step, ended: Ended) -> bool:
    return ended[step].status is Status.NOT_NEEDED


def _closed_gates(step: Step, ended: Ended) -> str:
    closed = ((gate.name, ended[gate].closed) for gate in step.only_if)
    return told(
        "\n".join(
            f"{name}: {reason}"
            for name, verdict in closed
            if verdict
            for reason in verdict.reasons or ("did not pass",)
        )
    )


class _Work:
    """A step that is to run, with what it takes."""

    def __init__(
        self, step: Step, ended: Ended, store: Store, run_outcome: RunOutcome | None, sources: Sources
    ) -> None:
        self.step, self.store, self.sources = step, store, sources
        made = {other: outcome.made for other, outcome in ended.items() if outcome.made}
        self.inputs = {
            name: tuple(filter(None, (_known(source, made, store) for source in sources_of(bound))))
            for name, bound in step.inputs.items()
        }
        if run_outcome is not None and step.component.outcome:
            self.inputs[step.component.outcome] = (_given(run_outcome, store),)
        gates = (*step.only_if, *step.unless)
        self.gates = {gate.name: made[gate] for gate in gates if gate in made}

    def key(self, sources: Sources) -> CacheKey:
        digests: dict[str, str | tuple[str, ...] | None] = self._of_each(lambda known: known.digest)
        with _naming(self.step):
            return cache_key(self.step.component, digests, self.step.settings, self.store.sha256, sources)

    def call_and_commit(self, call: Call, say: Say, key: CacheKey, earlier: Committed | None) -> Committed:
        """Calls the component and commits what it made, unless that is what `earlier` is already."""
        started = time.perf_counter()
        with _naming(self.step):
            execution_id, folder = self.store.new_folder(self.step.name)
        try:
            with _naming(self.step):
                strays = self.store.strays(self.step.name)
                artifact = call(self.step.component, self._arguments(folder, key), say)
                _is_what_was_declared(self.step, artifact, folder)
                _wrote_nothing_beside(self.step, folder, self.store.strays(self.step.name) - strays)
                if earlier is not None and artifact_digest(artifact) == earlier.digest:
                    shutil.rmtree(folder)
                    return earlier
                committed = self.store.commit(
                    execution_id=execution_id,
                    step=self.step.name,
                    component=self.step.component.name,
                    key=self._key_after_call(key),
                    inputs=self._named(),
                    gates=self.gates,
                    artifact=artifact,
                    seconds=time.perf_counter() - started,
                )
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self.store.drop_scratch(key)
        return committed

    def _key_after_call(self, key: CacheKey) -> CacheKey:
        """The key made anew, as the call itself may have fetched what the component reads from outside.

        Raises:
          StepError: Its code or files changed during the call, so that nobody knows which of them made the result.
        """
        after = self.key(self.sources.anew())
        fetched = not key.files and after.code == key.code
        if after.digest != key.digest and not fetched:
            changed = "its source code" if after.code != key.code else "what it reads"
            raise StepError(f"{self.step.name}: {changed} changed while it ran, so its result was dropped; run again")
        return after

    def _arguments(self, folder: Path, key: CacheKey) -> dict[str, object]:
        services: dict[str, object] = {}
        if "out" in self.step.component.services:
            services["out"] = folder
        if "scratch" in self.step.component.services:
            services["scratch"] = self.store.scratch(key)
        return {**self._of_each(lambda known: known.artifact), **self.step.settings, **services}

    def _of_each(self, fact: Callable[[Known], T]) -> dict[str, T | tuple[T, ...] | None]:
        """For each artifact parameter a fact of what it takes: of each of several, of the one, or None."""
        return {
            name: tuple(map(fact, taken)) if self._takes_many(name) else next(map(fact, taken), None)
            for name, taken in self.inputs.items()
        }

    def _named(self) -> dict[str, Known]:
        """Each artifact taken by a name of its own: one of several has its number behind the parameter's."""
        return {
            f"{name}[{number}]" if self._takes_many(name) else name: each
            for name, taken in self.inputs.items()
            for number, each in enumerate(taken)
        }

    def _takes_many(self, name: str) -> bool:
        return name != self.step.component.outcome and self.step.component.inputs[name].many


def _known(source: Source, made: Mapping[Step, Committed], store: Store) -> Known | None:
    """None for a step that made nothing."""
    if isinstance(source, Step):
        return made.get(source)
    return _given(source, store)


def _given(given: Given | RunOutcome, store: Store) -> Known:
    artifact = given.artifact if isinstance(given, Given) else given
    try:
        digest = artifact_digest(artifact, store.sha256)
    except OSError as error:
        name, remedy = (given.name, given.remedy) if isinstance(given, Given) else (given.run_id, "run again")
        raise StepError(
            f"{name}: wanted {type(artifact).__name__} at {artifact.path}, but it cannot be read "
            f"({error.strerror}); {remedy}"
        ) from error
    return Known(artifact=artifact, digest=digest, execution_id=None)


def _is_what_was_declared(step: Step, artifact: object, folder: Path) -> None:
    where = place_of(step.component)
    if not isinstance(artifact, step.output):
        made = "nothing" if artifact is None else type(artifact).__name__
        raise ComponentError(f"made {made} where it declares {step.output.__name__}; mend its return ({where})")
    if not artifact.path.resolve().is_relative_to(folder.resolve()):
        raise ComponentError(
            f"its artifact lies at {artifact.path}, but must lie in its folder `out`, {folder} ({where})"
        )
    for path in folder.rglob("*"):
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            raise ComponentError(f"{path} is a link out of its folder `out`, to {path.readlink()}; copy it ({where})")
        if not (path.is_symlink() or path.is_file() or path.is_dir()):
            raise ComponentError(f"{path} is neither a file nor a folder, and cannot be kept; leave it out ({where})")
    if problem := _lost_in_record(artifact):
        raise ComponentError(
            f"made a {type(artifact).__name__} with a fact that cannot be put on record ({problem}); facts are plain "
            f"values, records and paths, of the types declared ({where})"
        )
    if not artifact.path.exists() or (not _facts(artifact) and artifact.path == folder and not any(folder.iterdir())):
        raise ComponentError(f"wrote nothing at {artifact.path}, where its artifact is to lie ({where})")


def _wrote_nothing_beside(step: Step, folder: Path, strays: Collection[Path]) -> None:
    for stray in strays:
        remove(stray)
    if strays:
        raise ComponentError(
            f"wrote {min(strays)}, outside its folder `out`, {folder}; write below `out` alone "
            f"({place_of(step.component)})"
        )


def _facts(artifact: Artifact) -> list[str]:
    return [field.name for field in fields(artifact) if field.name != "path"]


def _lost_in_record(artifact: Artifact) -> str:
    """Why the facts of an artifact would not come back as they are; empty if they would."""
    try:
        facts = artifact_to_json(artifact)
        again = artifact_from_json(type(artifact), facts, artifact.path)
        for name in _facts(artifact):
            canonical(getattr(artifact, name))
    except ValidationError as error:
        wrong = error.errors()[0]
        return f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}, got {shorten(repr(wrong['input']), 100)}"
    except (TypeError, ValueError, RuntimeError) as error:  # what pydantic raises, and what the digest does
        return str(error).splitlines()[0]
    same = again == artifact or artifact_to_json(again) == facts  # NaN is not equal to itself
    return "" if same else f"{again} came back"


@contextmanager
def _naming(step: Step) -> Iterator[None]:
    """Lets StepErrors that name the step out of the block."""
    try:
        with only_component_errors(step.component):
            yield
    except ComponentError as error:
        words = told(str(error)) or f"it failed, and gave no reason ({place_of(step.component)})"
        raise StepError(f"{step.name}: {words}") from error
    except (StepCrashed, StepTimedOut) as error:
        raise type(error)(f"{step.name}: {error}") from error
