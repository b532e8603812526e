"""File locks between processes; the lock of a process that dies, even by a kill, goes with it."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

POLL_S = 0.1
"""How often whoever waits looks again, and tells so."""


@contextmanager
def locked(file: Path, *, shared: bool = False, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Holds the lock of `file` for the block, alone or with others who share it; waits for it first.

    Args:
      file: Made if there is none.
      shared: Whether others may hold it so, too.
      on_wait: Called again and again while another holds it; what it raises ends the wait.
    """
    with file.open("w") as stream:
        while not _taken(stream, fcntl.LOCK_SH if shared else fcntl.LOCK_EX):
            on_wait()
            time.sleep(POLL_S)
        yield


@contextmanager
def locked_if_free(file: Path) -> Iterator[bool]:
    """Holds the lock of `file` alone for the block if nobody else has it; gives whether it does."""
    with file.open("w") as stream:
        yield _taken(stream, fcntl.LOCK_EX)


def is_free(file: Path) -> bool:
    """Whether nobody holds the lock of `file` at this moment."""
    with locked_if_free(file) as held:
        return held


def _taken(stream: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(stream, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
