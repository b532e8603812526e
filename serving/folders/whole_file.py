"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
