"""One process at a time in a folder."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from slipline.serving.errors import LedgerError

LOCK_NAME = ".lock"  # hidden and not a number: no model server takes it for a version


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
