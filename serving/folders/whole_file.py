"""Files that are there whole or not at all, and folders in which one process works at a time."""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from slipline.serving.errors import LedgerError

LOCK_NAME = ".lock"  # hidden and not a number: no model server takes it for a version


@contextmanager
def replaced(file: Path, *, flush: bool = False) -> Iterator[Path]:
    """A path beside `file` to write to; what lies there takes its place when the block ends well.

    Args:
      file: There or not; nobody sees a part of it, and of several who write it at once one wins.
      flush: Whether it is on disk before it has its name, so that no crash of the machine leaves a part either.
    """
    aside = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    try:
        yield aside
        if flush:
            flush_to_disk(aside)
        aside.replace(file)
    finally:
        aside.unlink(missing_ok=True)


def write_whole(file: Path, text: str) -> None:
    """Writes a file of UTF-8 text, in a folder that is made if there is none."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with replaced(file) as aside:
        aside.write_text(text, "utf-8")


def flush_to_disk(path: Path) -> None:
    """Returns once a file, or the names in a folder, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Waits until nobody else is in `folder`, then keeps others out for the length of the block.

    The operating system drops the lock of a process that dies, so nothing is ever left locked.

    Args:
      folder: Made if missing; the lock file `.lock` lies in it.

    Raises:
      LedgerError: The folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK_NAME).open("a")
    except OSError as error:
        raise LedgerError(f"cannot work in {folder}: {error.strerror}; mend its permissions, or make room") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
