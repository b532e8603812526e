"""Loads, switches and unloads versions; no request in flight is ever cut off.

A poll of the file system says which versions are wanted. Each load and each unload has a thread of its own; what they
share is guarded by one lock, and requests take none of it: they read the table that `_settle` swaps.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from serving.errors import DeadlineExceeded, LoadFailed, ModelNotFound, ServingError, VersionNotReady
from serving.routing import Served, Table
from serving.saved_model import SavedModel
from serving.sources import ModelSource, find_versions, folder_stamp
from serving.statuses import code_of
from serving.wire.serving_pb2 import ModelSpec, ModelVersionStatus

log = logging.getLogger(__name__)

CANCELLED, UNKNOWN, NOT_FOUND = 1, 2, 5
START, LOADING, AVAILABLE = ModelVersionStatus.START, ModelVersionStatus.LOADING, ModelVersionStatus.AVAILABLE
UNLOADING, END = ModelVersionStatus.UNLOADING, ModelVersionStatus.END


@dataclass(frozen=True, kw_only=True)
class LoadPolicy:
    """How versions are looked for and loaded.

    Attributes:
      poll_wait_s: Between two looks at the base paths; 0 or less for a look at each new config only.
      retries: More attempts after a failed load.
      retry_interval_s: Between two attempts.
    """

    poll_wait_s: float = 1.0
    retries: int = 5
    retry_interval_s: float = 60.0


@dataclass
class _Version:
    """One version since it was last wanted."""

    number: int
    path: Path
    state: ModelVersionStatus.State = START
    code: int = 0
    message: str = ""
    stamp: frozenset[tuple[str, int, int]] = frozenset()
    served: Served | None = None
    load_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class ModelView:
    """One model as it is at a moment.

    Attributes:
      name: As clients ask for it.
      source: What the config says of it; None once the config no longer has it.
      versions: All that the server remembers, the highest first.
      labels: Where each label points now.
      load_s: How long the last load of a version took, warm-up included, in seconds, by version.
    """

    name: str
    source: ModelSource | None
    versions: Sequence[ModelVersionStatus]
    labels: Mapping[str, int]
    load_s: Mapping[int, float]

    @property
    def is_ready(self) -> bool:
        """Whether a version is up."""
        return any(version.state == AVAILABLE for version in self.versions)


@dataclass
class _Model:
    """One model since the server began; `source` is None once the config no longer has it."""

    source: ModelSource | None = None
    wanted: Mapping[int, Path] = field(default_factory=dict)
    versions: dict[int, _Version] = field(default_factory=dict)
    labels: Mapping[str, int] = field(default_factory=dict)
    complaint: str = ""

    def available(self) -> dict[int, Served]:
        return {v.number: v.served for v in self.versions.values() if v.state == AVAILABLE and v.served}


def labels_in_force(wanted: Mapping[str, int], current: Mapping[str, int], available: Set[int]) -> dict[str, int]:
    """Where each label points: to the version it is wanted for once that is up, until then where it pointed."""
    return {
        label: current[label] if number not in available and current.get(label) in available else number
        for label, number in wanted.items()
    }


def superfluous(available: Set[int], wanted: Set[int], held: Set[int], *, nothing_wanted: bool) -> set[int]:
    """The versions to unload.

    Args:
      available: Those that are up.
      wanted: Those that are wanted and exist.
      held: Those to which a label points until its own version is up.
      nothing_wanted: Whether the config says that no version is to be up; an empty folder never says so.
    """
    if nothing_wanted:
        return set(available)
    if available & wanted:
        return set(available - wanted - held)
    return set()


class VersionManager:
    """Keeps up what the config asks for. Thread-safe."""

    def __init__(
        self,
        load: Callable[[Path], SavedModel],
        policy: LoadPolicy,
        on_readiness: Callable[[Mapping[str, bool]], None] = lambda ready: None,
    ) -> None:
        """Nothing is loaded before `configure`.

        Args:
          load: Loads the version in a folder, warm-up included; any exception is a failed load.
          policy: How versions are looked for and loaded.
          on_readiness: Told at each change whether each model of the config has a version up.
        """
        self._load_model = load
        self._policy = policy
        self._on_readiness = on_readiness
        self._models: dict[str, _Model] = {}
        self._table = Table()
        self._changed = threading.Condition()
        self._polling = threading.Lock()
        self._load_slots = threading.Semaphore(os.cpu_count() or 1)
        self._threads: set[threading.Thread] = set()
        self._stopping = threading.Event()
        if policy.poll_wait_s > 0:
            threading.Thread(target=self._watch, name="poll", daemon=True).start()

    @contextmanager
    def using(self, spec: ModelSpec) -> Iterator[Served]:
        """The version that `spec` means; it stays loaded for the length of the block.

        Raises:
          BadRequest: The model has no such label.
          ModelNotFound: No version of the model is up.
          VersionNotReady: That version is not up.
        """
        served = self._table.resolve(spec)
        while not served.enter():  # on its way out, so there is a newer table
            served = self._table.resolve(spec)
        try:
            yield served
        finally:
            served.leave()

    def configure(self, sources: Mapping[str, ModelSource]) -> set[str]:
        """Replaces the config and looks for versions at once; does not wait for loads.

        Args:
          sources: By model name, checked; models left out are unloaded.

        Returns:
          The names that the config before did not have.
        """
        with self._changed:
            before = {name for name, model in self._models.items() if model.source}
            for name, source in sources.items():
                self._models.setdefault(name, _Model()).source = source
            for name in before - sources.keys():
                self._models[name].source = None
                self._models[name].wanted = {}
            self._settle(self._models.values())
        self.poll()
        return set(sources) - before

    def poll(self) -> None:
        """Looks once for the versions of every model; one that cannot be read stays as it is."""
        with self._polling:
            for name, model in list(self._models.items()):
                source = model.source
                if source is None:
                    continue
                try:
                    wanted = source.wanted(find_versions(source.base_path))
                    complaint = "" if wanted or source.wants_nothing else "has no version that is wanted"
                except OSError as error:
                    wanted, complaint = None, f"cannot be read: {error}"
                if complaint and complaint != model.complaint:
                    log.warning("model %s: base path %s %s; what is loaded stays", name, source.base_path, complaint)
                model.complaint = complaint
                mended = self._mended(model)
                with self._changed:
                    if wanted is not None and model.source is source:
                        self._want(model, wanted, mended)

    def statuses(self, name: str, version: int | None = None) -> list[ModelVersionStatus]:
        """All versions of a model that the server remembers, the highest first, or the one asked for.

        Raises:
          ModelNotFound: It remembers none.
          VersionNotReady: It does not remember that one.
        """
        with self._changed:
            versions = dict(self._models[name].versions) if name in self._models else {}
            if version is not None and version not in versions:
                raise VersionNotReady(f"Could not find version {version} of model {name}")
            if not versions:
                raise ModelNotFound(f"Could not find any versions of model {name}")
            numbers = sorted(versions, reverse=True) if version is None else [version]
            return [_status(versions[number]) for number in numbers]

    def models(self) -> list[ModelView]:
        """Every model that the server remembers, by name, with its versions, labels and config."""
        with self._changed:
            return [_view(name, model) for name, model in sorted(self._models.items())]

    def wait_for(self, names: Collection[str], timeout_s: float) -> None:
        """Waits until each model has a wanted version that is up, or has been given up.

        Raises:
          DeadlineExceeded: A model has neither within the time limit.
          LoadFailed: A model has nothing but versions given up.
        """
        with self._changed:
            self._changed.wait_for(lambda: all(map(self._is_decided, names)) or self._stopping.is_set(), timeout_s)
            waiting = sorted(name for name in names if not self._is_decided(name))
            failed = {name: self._failures(name) for name in names if not self._models[name].available()}
        if waiting:
            raise DeadlineExceeded(
                f"no version of {', '.join(waiting)} was there after {timeout_s:g} s; the config is in force all the "
                "same; see that the base path is right and holds a folder named with a number"
            )
        if failed:
            reasons = ", ".join(f"{name}: {reason}" for name, reason in sorted(failed.items()))
            raise LoadFailed(f"{len(failed)} model(s) did not become available: {{{reasons}}}")

    def _is_decided(self, name: str) -> bool:
        model = self._models[name]
        tried = any(v.number in model.wanted and v.state in (AVAILABLE, END) for v in model.versions.values())
        return tried or model.source is None

    def _failures(self, name: str) -> str:
        model = self._models[name]
        if model.source is None:
            return "a later config leaves it out"
        return "; ".join(f"version {v.number} due to error: {v.message}" for v in model.versions.values() if v.code)

    def stop(self) -> None:
        """Unloads everything; returns when every load and unload has ended."""
        with self._changed:
            self._stopping.set()
            for model in self._models.values():
                model.source, model.wanted = None, {}
            self._settle(self._models.values())
        while self._threads:
            for thread in list(self._threads):
                thread.join()

    def _watch(self) -> None:
        while not self._stopping.wait(self._policy.poll_wait_s):
            self.poll()

    def _mended(self, model: _Model) -> set[int]:
        """The versions given up whose files have changed since, such as one that was half copied then."""
        with self._changed:
            given_up = [version for version in model.versions.values() if version.state == END and version.code]
        return {version.number for version in given_up if folder_stamp(version.path) != version.stamp}

    def _want(self, model: _Model, wanted: Mapping[int, Path], mended: Set[int]) -> None:
        """Takes over what a poll found; call with the lock."""
        if self._stopping.is_set():
            return
        again = (wanted.keys() - model.wanted.keys()) | mended
        model.wanted = wanted
        for number in sorted(wanted, reverse=True):
            version = model.versions.get(number)
            if version is None or (version.state == END and number in again):
                self._begin(model, number)
        self._settle([model])

    def _begin(self, model: _Model, number: int) -> None:
        version = model.versions[number] = _Version(number, model.wanted[number])
        self._start(self._load, model, version)

    def _start(self, work: Callable[[_Model, _Version], None], model: _Model, version: _Version) -> None:
        def run() -> None:
            try:
                work(model, version)
            finally:
                self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=run, name=f"{work.__name__} {version.path}", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _load(self, model: _Model, version: _Version) -> None:
        """Loads a version, again and again while it is wanted and attempts are left."""
        loaded = self._attempt(version)
        for _ in range(self._policy.retries):
            if loaded is not None or not self._still_wanted_after_pause(model, version):
                break
            loaded = self._attempt(version)
        with self._changed:
            if loaded is None:
                version.state = END
                log.error("gave up version %d in %s: %s", version.number, version.path, version.message)
            elif version.number in model.wanted:
                version.served = Served(version.number, loaded)
                version.state, version.code, version.message = AVAILABLE, 0, ""
                log.info("version %d in %s is available", version.number, version.path)
            else:
                loaded.close()
                version.state, version.code, version.message = END, CANCELLED, "Loading of servable cancelled"
            self._settle([model])

    def _attempt(self, version: _Version) -> SavedModel | None:
        with self._load_slots:
            self._set_state(version, LOADING, version.code, version.message)
            version.stamp = folder_stamp(version.path)
            begin_s = time.monotonic()
            try:
                loaded = self._load_model(version.path)
            except Exception as error:  # whatever it is, it must show in the status and not end this thread
                log.warning("loading version %d in %s failed: %s", version.number, version.path, error)
                self._set_state(version, LOADING, _code(error), str(error))
                return None
            version.load_s = time.monotonic() - begin_s
            log.info("loaded version %d in %.2f s", version.number, version.load_s)
            return loaded

    def _still_wanted_after_pause(self, model: _Model, version: _Version) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: version.number not in model.wanted, self._policy.retry_interval_s)
            return version.number in model.wanted

    def _set_state(self, version: _Version, state: ModelVersionStatus.State, code: int, message: str) -> None:
        with self._changed:
            version.state, version.code, version.message = state, code, message
            self._changed.notify_all()

    def _unload(self, model: _Model, version: _Version) -> None:
        if version.served is not None:
            version.served.close()
        log.info("version %d in %s is unloaded", version.number, version.path)
        with self._changed:
            version.served = None
            version.state = END
            if version.number in model.wanted:
                self._begin(model, version.number)
            self._settle([model])

    def _settle(self, models: Iterable[_Model]) -> None:
        """Moves labels, takes superfluous versions out, and swaps the table once; call with the lock."""
        leaving = [(model, version) for model in models for version in self._take_out(model)]
        self._table = Table(
            {name: model.available() for name, model in self._models.items()},
            {name: model.labels for name, model in self._models.items()},
        )
        for model, version in leaving:
            self._start(self._unload, model, version)
        self._on_readiness({name: bool(model.available()) for name, model in self._models.items() if model.source})
        self._changed.notify_all()

    def _take_out(self, model: _Model) -> list[_Version]:
        available = model.available().keys()
        source = model.source
        asked = source.labels if source else {}
        model.labels = labels_in_force(asked, model.labels, available)
        held = {number for label, number in model.labels.items() if number != asked[label]}
        nothing_wanted = source is None or source.wants_nothing
        leaving = superfluous(available, model.wanted.keys(), held, nothing_wanted=nothing_wanted)
        for number in leaving:
            model.versions[number].state = UNLOADING
        return [model.versions[number] for number in sorted(leaving)]


def _view(name: str, model: _Model) -> ModelView:
    versions = [model.versions[number] for number in sorted(model.versions, reverse=True)]
    return ModelView(
        name=name,
        source=model.source,
        versions=[_status(version) for version in versions],
        labels=dict(model.labels),
        load_s={version.number: version.load_s for version in versions if version.load_s is not None},
    )


def _status(version: _Version) -> ModelVersionStatus:
    status = ModelVersionStatus(version=version.number, state=version.state)
    status.status.error_code = version.code
    status.status.error_message = version.message
    return status


def _code(error: Exception) -> int:
    """The status number for a failed load."""
    if isinstance(error.__cause__, ServingError):
        return int(code_of(error.__cause__).value[0])
    return NOT_FOUND if isinstance(error.__cause__, (OSError, LookupError)) else UNKNOWN
