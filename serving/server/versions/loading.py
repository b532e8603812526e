"""One attempt to load a version: its turn, its room, its time, and what its failure means for the next attempt."""

from __future__ import annotations

import errno
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf.message import DecodeError

from slipline.serving.errors import LoadFailed, ServingError
from slipline.serving.models.loaded_model import LoadedModel
from slipline.serving.models.tensorflow.native import is_tensorflow_loaded
from slipline.serving.models.tensorflow.saved_model import SAVED_MODEL_FILE
from slipline.serving.server.versions.memory import Room, drop_cached_files, resident_bytes
from slipline.serving.server.versions.model_state import LoadFigures, Stamp
from slipline.serving.server.versions.sources import folder_stamp
from slipline.serving.wire.grpc_errors import code_of

log = logging.getLogger(__name__)

# Of gRPC and TensorFlow alike.
UNKNOWN, INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED = 2, 3, 5, 7
RESOURCE_EXHAUSTED, FAILED_PRECONDITION, OUT_OF_RANGE, UNIMPLEMENTED, UNAVAILABLE, DATA_LOSS = 8, 9, 11, 12, 14, 15

# The same files fail again; and for lack of memory the status had better say so than wait.
_HOPELESS = frozenset(
    {INVALID_ARGUMENT, NOT_FOUND, RESOURCE_EXHAUSTED, FAILED_PRECONDITION, OUT_OF_RANGE, UNIMPLEMENTED, DATA_LOSS}
)
LOWER_BY = 10  # in nice values: such a thread gets about a tenth of the time of one that answers requests
MLMD_FILE = Path("assets.extra", "mlmd_uuid")
_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR})


@dataclass(frozen=True, kw_only=True)
class LoadPolicy:
    """How versions are looked for and loaded.

    Attributes:
      poll_wait_s: Between two looks at the base paths; 0 or less for a look at each new config only.
      look_wait_s: A look at a base path that takes longer goes on, but others are not kept waiting for it.
      retries: More attempts after a failed load, before it is given up.
      retry_interval_s: Between two of these.
      backoff_s: Between giving a version up and the next attempt; doubles with each further one.
      longest_backoff_s: Where that ends.
      load_threads: Loads at once; 0 for four per core, as TensorFlow Serving's at its start.
      unload_first: Whether the old version has to be gone before the new one is loaded, of every model: one copy in
        memory, and no answers meanwhile.
      unload_first_models: The models for which that holds in any case.
      drop_cached_files: Whether the system is to forget the files of a loaded version; not if loads run side by side.
      low_priority: Whether loads leave the processor to requests, once there can be any.
      memory_limit_bytes: What all versions may take together; None for what the system has.
    """

    poll_wait_s: float = 1.0
    look_wait_s: float = 5.0
    retries: int = 5
    retry_interval_s: float = 60.0
    backoff_s: float = 1.0
    longest_backoff_s: float = 300.0
    load_threads: int = 0
    unload_first: bool = False
    unload_first_models: frozenset[str] = frozenset()
    drop_cached_files: bool = True
    low_priority: bool = True
    memory_limit_bytes: int | None = None

    def unloads_first(self, model: str) -> bool:
        """Whether the old version of that model has to be gone before the new one is loaded."""
        return self.unload_first or model in self.unload_first_models

    def pause_s(self, failures: int, *, gave_up: bool) -> float:
        """How long to wait after so many failures in a row, since it was given up if it was."""
        if not gave_up:
            return self.retry_interval_s
        return float(min(self.longest_backoff_s, self.backoff_s * 2 ** min(failures, 60)))


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """How an attempt to load a version ended.

    Attributes:
      model: None if it failed.
      stamp: Of the files, before they were read.
      code: The status code of the failure; 0 if there was none.
      message: Why it failed.
      claimed_bytes: The room taken for it, until `Loader.give_back`.
      figures: Of a load that did not fail.
    """

    model: LoadedModel | None = None
    stamp: Stamp = frozenset()
    code: int = 0
    message: str = ""
    claimed_bytes: int = 0
    figures: LoadFigures = field(default_factory=LoadFigures)

    @property
    def is_hopeless(self) -> bool:
        """Whether it will fail again until the files, or the memory, have changed."""
        return self.code in _HOPELESS


class Loader:
    """Makes attempts, only so many at once. Thread-safe."""

    def __init__(
        self,
        load: Callable[[Path], LoadedModel],
        policy: LoadPolicy,
        *,
        room: Room | None = None,
        on_attempt: Callable[[Path, Attempt], None] = lambda folder, attempt: None,
    ) -> None:
        """Nothing is loaded yet.

        Args:
          load: Loads the version in a folder, warm-up included; any exception is a failed load.
          policy: How many at once, and into what memory.
          room: Where the memory is counted; by default up to the policy's limit and what the system has.
          on_attempt: Told of each attempt.
        """
        self._load = load
        self._on_attempt = on_attempt
        self._room = room or Room(policy.memory_limit_bytes)
        self._slots = threading.Semaphore(policy.load_threads or 4 * (os.cpu_count() or 1))
        self._low_priority = policy.low_priority and sys.platform.startswith("linux")
        self._low_nice = os.getpriority(os.PRIO_PROCESS, 0) + LOWER_BY
        self._has_loaded = self._has_loaded_tensorflow = False
        self._drops_cached_files = policy.drop_cached_files and policy.load_threads <= 1

    def attempt(self, model: str, version: int, folder: Path, on_begin: Callable[[], None]) -> Attempt:
        """Loads a version once its turn has come, which `on_begin` is told."""
        with self._slots:
            on_begin()
            if self._low_priority and self._makes_no_threads(folder):
                with suppress(OSError):  # a container may forbid it
                    # On Linux this is one thread's own.
                    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), self._low_nice)
            attempt = self._timed(model, version, folder)
        self._on_attempt(folder, attempt)
        return attempt

    def _makes_no_threads(self, folder: Path) -> bool:
        """Whether a load is not the first one that makes the threads to compute with, which inherit its priority."""
        return self._has_loaded_tensorflow or (self._has_loaded and not (folder / SAVED_MODEL_FILE).exists())

    def give_back(self, claimed_bytes: int) -> None:
        """The room that an attempt took is free again."""
        self._room.give_back(claimed_bytes)

    def _timed(self, model: str, version: int, folder: Path) -> Attempt:
        stamp, begin_s = folder_stamp(folder), time.monotonic()
        disk_bytes = sum(size for _, size, _ in stamp)
        servable = f"{{name: {model} version: {version}}}"
        try:
            claimed_bytes = self._room.claim(disk_bytes)
        except ServingError as error:
            reason = f"Error while attempting to reserve resources to load servable {servable}: {error}"
            return Attempt(stamp=stamp, code=RESOURCE_EXHAUSTED, message=reason)
        before_bytes = resident_bytes()
        try:
            loaded = self._load(folder)
        except Exception as error:  # whatever it is, it must show in the status and not end this thread
            self._room.loaded(claimed_bytes)
            self._room.give_back(claimed_bytes)
            return Attempt(stamp=stamp, code=status_code(error), message=str(error))
        self._room.loaded(claimed_bytes)
        self._has_loaded, self._has_loaded_tensorflow = True, is_tensorflow_loaded()
        load_s = time.monotonic() - begin_s
        log.info("loaded servable %s in %.2f s", servable, load_s)
        grown_bytes = max(0, resident_bytes() - before_bytes)
        if self._drops_cached_files:
            drop_cached_files(folder)
        figures = LoadFigures(
            load_s=load_s, disk_bytes=disk_bytes, grown_bytes=grown_bytes, mlmd_uuid=_mlmd_uuid(folder)
        )
        return Attempt(model=loaded, stamp=stamp, claimed_bytes=claimed_bytes, figures=figures)


def _mlmd_uuid(folder: Path) -> str:
    try:
        return (folder / MLMD_FILE).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def status_code(error: Exception) -> int:
    """The status code of a failed load."""
    cause = error.__cause__ if isinstance(error, LoadFailed) else error
    if cause is None:
        return FAILED_PRECONDITION  # the loader looked, and refused
    if isinstance(cause, ServingError):
        return int(code_of(cause).value[0])
    if isinstance(cause, DecodeError):
        return DATA_LOSS
    if isinstance(cause, PermissionError):
        return PERMISSION_DENIED
    if isinstance(cause, OSError):
        return NOT_FOUND if cause.errno in _MISSING else UNAVAILABLE
    if isinstance(cause, MemoryError):
        return RESOURCE_EXHAUSTED
    return NOT_FOUND if isinstance(cause, LookupError) else UNKNOWN
