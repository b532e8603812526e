"""File locks between processes; the lock of a process that dies, even by a kill, goes with it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(file: Path, *, shared: bool = False) -> Iterator[None]:
    """Holds the lock of `file` for the block, alone or with others who share it; waits for it first."""
    with file.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield


@contextmanager
def locked_if_free(file: Path) -> Iterator[bool]:
    """Holds the lock of `file` alone for the block if nobody else has it; gives whether it does."""
    with file.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def is_free(file: Path) -> bool:
    """Whether nobody holds the lock of `file` at this moment."""
    with locked_if_free(file) as held:
        return held
