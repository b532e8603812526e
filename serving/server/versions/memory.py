"""The memory of this process and of the machine: what is free, what a version takes, and giving back what it took."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from slipline.serving.errors import Overloaded

# TensorFlow Serving's estimate of what a loaded model takes.
BYTES_OF_MEMORY_PER_BYTE_ON_DISK = 1.2
CGROUP = Path("/sys/fs/cgroup")

# glibc's mallopt: the numbers of its parameters, and the largest that it takes for the second.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT_BYTES, KEPT_BLOCK_BYTES = 512 << 20, 32 << 20
RETURNED_BYTES = 128 << 10  # glibc's default


class NoRoom(Overloaded):
    """There is not enough memory for another version."""


def available_bytes() -> int | None:
    """What this process can still take without being killed for it; None if the system does not say."""
    known = [size for size in (_free_on_machine(), _free_in_cgroup(CGROUP)) if size is not None]
    return min(known, default=None)


def resident_bytes() -> int:
    """What this process takes of the machine's memory now; 0 if the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def keep_freed_memory() -> None:
    """Has the allocator keep up to 512 MiB of what is freed for the next request, but within `freed_memory_returned`.

    glibc would give it back each time and take it again page by page, a fifth of the time of 256 images.
    """
    mallopt = _glibc("mallopt")
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(M_MMAP_THRESHOLD, KEPT_BLOCK_BYTES)


@contextmanager
def freed_memory_returned() -> Iterator[None]:
    """Hands back to the system what is freed within, and what the allocator kept of what was freed before."""
    trim, mallopt = _glibc("malloc_trim"), _glibc("mallopt")
    if trim is None or mallopt is None:
        yield
        return
    # malloc_trim leaves out the top of each thread's arena, up to 64 MiB: only free() takes it back, at this limit.
    mallopt(M_TRIM_THRESHOLD, RETURNED_BYTES)
    try:
        yield
    finally:
        trim(0)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def drop_cached_files(folder: Path) -> None:
    """Lets the system forget the content of the files below `folder`, which is in memory twice once it is loaded."""
    if not hasattr(os, "posix_fadvise"):
        return
    for file in _files(folder):
        try:
            descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            continue
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        except OSError:
            pass  # not a file of the kind that is cached
        finally:
            os.close(descriptor)


class Room:
    """Says whether there is room for another version, those that are being loaded included. Thread-safe."""

    def __init__(self, limit_bytes: int | None = None, available: Callable[[], int | None] = available_bytes) -> None:
        """`limit_bytes` is what all versions may take together; None for whatever is `available` in the system."""
        self._limit_bytes = limit_bytes
        self._available = available
        self._lock = threading.Lock()
        self._claimed = 0
        self._loading = 0

    def claim(self, disk_bytes: int) -> int:
        """Takes room for loading a version of so many bytes on disk; how much, in bytes.

        Call `loaded` when it has its memory, and `give_back` once it is unloaded or its load has failed.

        Raises:
          NoRoom: There is not so much.
        """
        need = int(disk_bytes * BYTES_OF_MEMORY_PER_BYTE_ON_DISK)
        with self._lock:
            free = self._free()
            if free is not None and need > free:
                raise NoRoom(
                    f"it needs about {need} bytes of memory ({BYTES_OF_MEMORY_PER_BYTE_ON_DISK} x the {disk_bytes} on "
                    f"disk) and {max(free, 0)} are free; make room, or let the old version go first "
                    "(--resource_preserving_switch)"
                )
            self._claimed += need
            self._loading += need
        return need

    def loaded(self, claimed: int) -> None:
        """What was claimed is in use from now on, and no longer counts as free in the system."""
        with self._lock:
            self._loading -= claimed

    def give_back(self, claimed: int) -> None:
        """What was claimed is free again."""
        with self._lock:
            self._claimed -= claimed

    def _free(self) -> int | None:
        available = self._available()
        free = [] if available is None else [available - self._loading]
        if self._limit_bytes is not None:
            free.append(self._limit_bytes - self._claimed)
        return min(free, default=None)


def _files(folder: Path) -> Iterator[str]:
    for parent, _, names in os.walk(folder):
        for name in names:
            yield f"{parent}/{name}"


def _free_on_machine() -> int | None:
    for line in _lines(Path("/proc/meminfo")):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _free_in_cgroup(root: Path) -> int | None:
    """Below the limit of the container, where there is one; what the system may drop of cached files is free."""
    for limit, used, cached in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
    ):
        limits, uses = list(_lines(root / limit)), list(_lines(root / used))
        if limits and uses and limits[0].isdigit():
            stat = (root / used).with_name("memory.stat")
            droppable = sum(int(line.split()[1]) for line in _lines(stat) if line.startswith(f"{cached} "))
            return int(limits[0]) - int(uses[0]) + droppable
    return None


def _lines(file: Path) -> Iterator[str]:
    try:
        yield from file.read_text().splitlines()
    except OSError:
        return


@functools.cache
def _glibc(name: str) -> Callable[..., int] | None:
    """A function of the allocator; None where there is another."""
    if not sys.platform.startswith("linux"):
        return None
    function: Callable[..., int] | None = getattr(ctypes.CDLL(None), name, None)  # musl has neither
    return function
