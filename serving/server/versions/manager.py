"""Keeps up the versions that the config asks for; no request in flight is ever cut off.

A look at the file system says which versions exist. Each version that is wanted, and each that leaves, has a thread of
its own; what they share is guarded by one lock, and requests take none of it: they read the table that `_settle` swaps.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path

from slipline.serving.errors import DeadlineExceeded, LoadFailed, ModelNotFound, VersionNotReady
from slipline.serving.folders.version_folder import find_versions
from slipline.serving.models.loaded_model import LoadedModel
from slipline.serving.server.routing import Meant, Served, Table
from slipline.serving.server.versions.loading import Attempt, Loader, LoadPolicy
from slipline.serving.server.versions.memory import freed_memory_returned
from slipline.serving.server.versions.model_state import (
    AVAILABLE,
    END,
    LOADING,
    MODELS_REMEMBERED,
    UNLOADING,
    Model,
    Version,
    labels_in_force,
    status_of,
    superfluous,
)
from slipline.serving.server.versions.sources import ModelSource, folder_stamp
from slipline.serving.wire.serving_pb2 import ModelSpec, ModelVersionStatus

log = logging.getLogger(__name__)


class VersionManager:
    """Keeps up what the config asks for. Thread-safe."""

    def __init__(
        self,
        load: Callable[[Path], LoadedModel],
        policy: LoadPolicy,
        on_readiness: Callable[[Mapping[str, bool]], None] = lambda ready: None,
        *,
        on_attempt: Callable[[Path, Attempt], None] = lambda folder, attempt: None,
        find: Callable[[Path], Mapping[int, Path]] = find_versions,
    ) -> None:
        """Nothing is loaded before `configure`.

        Args:
          load: Loads the version in a folder, warm-up included; any exception is a failed load.
          policy: How versions are looked for and loaded.
          on_readiness: Told at each change whether each model of the config has a version up.
          on_attempt: Told of each attempt to load the version in a folder.
          find: Finds the versions below a base path; an OSError says that they cannot be listed.
        """
        self._loader = Loader(load, policy, on_attempt=on_attempt)
        self._policy = policy
        self._on_readiness = on_readiness
        self._find = find
        self._models: dict[str, Model] = {}
        self._table = Table()
        self._changed = threading.Condition()
        self._polling = threading.Lock()
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
        served = self.entered(Meant.by(spec))
        try:
            yield served
        finally:
            served.leave()

    def entered(self, meant: Meant) -> Served:
        """As `using`, for callers who say `leave` themselves, which takes less time."""
        served = self._table.resolve(meant)
        while not served.enter():  # on its way out, so there is a newer table
            served = self._table.resolve(meant)
        return served

    def configure(self, sources: Mapping[str, ModelSource]) -> set[str]:
        """Replaces the config and looks for versions at once; does not wait for loads.

        Versions that were given up are tried again, so that sending the same config once more orders just that.

        Args:
          sources: By model name, checked; models left out are unloaded.

        Returns:
          The names that the config before did not have.
        """
        with self._changed:
            before = {name for name, model in self._models.items() if model.source}
            for name, source in sources.items():
                self._models.setdefault(name, Model(name)).source = source
            for name in before - sources.keys():
                model = self._models[name] = self._models.pop(name)  # the last to go is the last to be forgotten
                model.source, model.wanted, model.fallback = None, {}, None
            self._forget_models()
            self.retry()
        self.poll()
        return set(sources) - before

    def poll(self) -> None:
        """Looks once for the versions of every model; one that cannot be read stays as it is."""
        with self._polling:
            for model in list(self._models.values()):
                if model.source is not None and not model.is_looked_at:
                    model.is_looked_at = True
                    look = threading.Thread(target=self._look, args=(model, model.source), daemon=True)
                    look.start()
                    look.join(self._policy.look_wait_s)  # a hung file system must not hold up the others

    def retry(self) -> None:
        """Tries at once what was given up, as if for the first time."""
        with self._changed:
            for model in self._models.values():
                for version in model.given_up():
                    version.order()
            self._settle(self._models.values())

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
            return [status_of(versions[number]) for number in numbers]

    def models(self) -> list[Model]:
        """Every model that the server remembers as it is now, by name, with its versions, labels and config."""
        with self._changed:
            return [model.snapshot() for _, model in sorted(self._models.items())]

    def wait_for(self, names: Collection[str], timeout_s: float) -> None:
        """Waits until each model has a wanted version that is up, or has only such as are given up.

        Raises:
          DeadlineExceeded: A model has neither within the time limit.
          LoadFailed: A model has nothing but versions given up.
        """
        with self._changed:
            models = [self._models.get(name) or Model(name) for name in sorted(names)]
            self._changed.wait_for(
                lambda: all(model.is_decided for model in models) or self._stopping.is_set(), timeout_s
            )
            waiting = {model.name: model.obstacle() for model in models if not model.is_decided}
            failed = {model.name: model.failures() for model in models if not model.available()}
        if waiting:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in waiting.items())
            raise DeadlineExceeded(
                f"no version of {', '.join(waiting)} was there after {timeout_s:g} s; the config is in force all the "
                f"same, for the other models, too. {reasons}"
            )
        if failed:
            reasons = ", ".join(f"{name}: {reason}" for name, reason in failed.items())
            raise LoadFailed(f"{len(failed)} model(s) did not become available: {{{reasons}}}")

    def stop(self, timeout_s: float | None = None) -> bool:
        """Unloads everything; whether every load and unload has ended, within the time limit if there is one."""
        with self._changed:
            self._stopping.set()
            for model in self._models.values():
                model.source, model.wanted, model.fallback = None, {}, None
            self._settle(self._models.values())
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while threads := [thread for thread in list(self._threads) if thread.is_alive()]:
            left_s = None if deadline_s is None else deadline_s - time.monotonic()
            if left_s is not None and left_s <= 0:
                log.error("not ended in time, and left behind: %s", ", ".join(thread.name for thread in threads))
                return False
            threads[0].join(left_s)
        return True

    def _watch(self) -> None:
        while not self._stopping.wait(self._policy.poll_wait_s):
            self.poll()

    def _look(self, model: Model, source: ModelSource) -> None:
        """Finds the versions of one model, and takes them over."""
        try:
            wanted = source.wanted(self._find(source.base_path))
            complaint = "" if wanted or source.wants_nothing else "has no version that is wanted"
        except OSError as error:
            wanted, complaint = None, f"cannot be read: {error}"
        if complaint and complaint != model.complaint:
            log.warning("model %s: base path %s %s; what is loaded stays", model.name, source.base_path, complaint)
        mended = self._mended(model)
        with self._changed:
            model.is_looked_at = False
            if model.source is source and not self._stopping.is_set():
                model.complaint = complaint
                if wanted is not None:
                    self._want(model, wanted, mended)

    def _mended(self, model: Model) -> list[Version]:
        """The versions given up whose files have changed since, such as one that was half copied then."""
        with self._changed:
            given_up = [version for version in model.given_up() if not version.is_tried]
        return [version for version in given_up if folder_stamp(version.path) != version.stamp]

    def _want(self, model: Model, wanted: Mapping[int, Path], mended: Iterable[Version]) -> None:
        """Takes over what a look found; call with the lock."""
        before, model.wanted = model.wanted, wanted
        for number in sorted(wanted, reverse=True):
            version = model.versions.get(number)
            if version is None or (version.state == END and number not in before):
                self._begin(model, Version(number, wanted[number]))
        if model.fallback is not None and model.fallback.number in wanted:
            model.fallback = None
        for version in mended:
            version.is_due = True
            if model.fallback is None:  # which would have to go for it
                version.order()
        self._settle([model])

    def _begin(self, model: Model, version: Version) -> None:
        model.versions.pop(version.number, None)  # so that the youngest lie last
        model.versions[version.number] = version
        self._start(self._load, model, version)

    def _start(self, work: Callable[[Model, Version], None], model: Model, version: Version) -> None:
        def run() -> None:
            try:
                work(model, version)
            finally:
                self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=run, name=f"{work.__name__} {version.path}", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _load(self, model: Model, version: Version) -> None:
        """Tries to load a version until it is up, or no longer to be."""
        while self._await_turn(model, version):
            attempt = self._loader.attempt(
                model.name, version.number, version.path, lambda: self._show_loading(version)
            )
            with self._changed:
                version.is_tried = False
                version.stamp = attempt.stamp
                if attempt.model is not None:
                    self._adopt(model, version, attempt)
                    return
                self._note_failure(model, version, attempt)
                self._changed.wait_for(
                    lambda: version.is_due or not model.keeps(version),
                    self._policy.pause_s(version.failures, gave_up=version.gave_up),
                )
        with self._changed:
            version.end()
            self._settle([model])

    def _await_turn(self, model: Model, version: Version) -> bool:
        """Returns once a version may be tried; False if it is not to be up any more."""

        def has_turn() -> bool:
            # Its predecessor has to be gone first, unless this is an attempt beside one that fills the gap.
            others_first = self._policy.unloads_first(model.name) and not version.gave_up
            if not others_first or version is model.fallback:
                return True
            return all(v.state == END for v in model.versions.values() if v.number not in model.wanted)

        with self._changed:
            self._changed.wait_for(lambda: has_turn() or not model.keeps(version))
            version.is_tried = model.keeps(version)
            version.is_due = False
            return version.is_tried

    def _show_loading(self, version: Version) -> None:
        with self._changed:
            if not version.gave_up:
                version.state = LOADING
            self._changed.notify_all()

    def _adopt(self, model: Model, version: Version, attempt: Attempt) -> None:
        """Puts a version up that was loaded, if it still is to be; call with the lock."""
        assert attempt.model is not None
        version.gave_up, version.is_due, version.failures, version.code = False, False, 0, 0
        version.figures = attempt.figures
        if model.keeps(version):
            version.served = Served(version.number, attempt.model)
            version.claimed_bytes = attempt.claimed_bytes
            version.state, version.message = AVAILABLE, ""
            log.info("version %d in %s is available", version.number, version.path)
        else:
            attempt.model.close()
            self._loader.give_back(attempt.claimed_bytes)
            version.end()
        self._settle([model])

    def _note_failure(self, model: Model, version: Version, attempt: Attempt) -> None:
        """Keeps what an attempt failed of, and gives the version up if it is time; call with the lock."""
        log.warning("loading version %d in %s failed: %s", version.number, version.path, attempt.message)
        version.code, version.message = attempt.code, attempt.message
        version.failures += 1
        is_last = attempt.is_hopeless or model.fallback is not None or version.failures > self._policy.retries
        if not version.gave_up and not version.is_due and is_last:
            version.state, version.gave_up, version.failures = END, True, 0
            log.error("gave up version %d of %s, for now: %s", version.number, model.name, version.message)
        self._settle([model])

    def _unload(self, model: Model, version: Version) -> None:
        with freed_memory_returned():
            if version.served is not None:
                version.served.close()
            version.served = None
        self._loader.give_back(version.claimed_bytes)
        log.info("version %d in %s is unloaded", version.number, version.path)
        with self._changed:
            version.state = END
            if version.number in model.wanted:
                self._begin(model, Version(version.number, model.wanted[version.number]))
            self._settle([model])

    def _settle(self, models: Iterable[Model]) -> None:
        """Moves labels, takes superfluous versions out, and swaps the table once; call with the lock."""
        leaving = [(model, version) for model in list(models) for version in self._take_out(model)]
        self._table = Table(
            {name: model.available() for name, model in self._models.items()},
            {name: model.labels for name, model in self._models.items()},
        )
        for model, version in leaving:
            self._start(self._unload, model, version)
        self._on_readiness({name: bool(model.available()) for name, model in self._models.items() if model.source})
        self._changed.notify_all()

    def _take_out(self, model: Model) -> list[Version]:
        available = model.available().keys()
        source = model.source
        asked = source.labels if source else {}
        model.labels = labels_in_force(asked, model.labels, available)
        held = {number for label, number in model.labels.items() if number != asked[label]}
        nothing_wanted = source is None or source.wants_nothing
        coming = model.coming() if self._policy.unloads_first(model.name) else set()
        numbers = superfluous(available, model.wanted.keys(), held, nothing_wanted=nothing_wanted, coming=coming)
        leaving = [model.versions[number] for number in sorted(numbers)]
        for version in leaving:
            version.state = UNLOADING
        if coming and leaving:
            model.fallback = leaving[-1]
        self._fall_back(model, coming)
        model.forget_history()
        return leaving

    def _fall_back(self, model: Model, coming: Set[int]) -> None:
        """Has the version back that gave way to another, if that one cannot be loaded."""
        fallback, available = model.fallback, model.available()
        if available.keys() & model.wanted.keys():
            model.fallback = None
        elif fallback and fallback.state == END and not (fallback.gave_up or coming or available) and model.wanted:
            model.fallback = Version(fallback.number, fallback.path)
            self._begin(model, model.fallback)

    def _forget_models(self) -> None:
        """Drops the models that left the config longest ago, with their history."""
        over = [name for name, model in self._models.items() if model.is_over]
        for name in over[:-MODELS_REMEMBERED]:
            del self._models[name]
