"""A folder that is there whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from slipline.components.errors import BadData

SUCCESS = "_SUCCESS"
"""An empty file, as Hadoop's tools write it: the folder is complete."""


def check_free(out: Path, *, overwrite: bool) -> None:
    """Returns if a folder may be made at `out`.

    Raises:
      BadData: Something is there that may not be replaced.
    """
    if not out.exists() and not out.is_symlink():
        return
    if not overwrite:
        raise BadData(f"{out}: exists already; choose another --to, or replace it with --overwrite")
    if out.is_symlink() or not out.is_dir() or (any(out.iterdir()) and not (out / SUCCESS).is_file()):
        raise BadData(f"{out}: not an earlier batch prediction, as it has no {SUCCESS}; remove it yourself")


@contextmanager
def made_whole(out: Path, *, overwrite: bool) -> Iterator[Path]:
    """An empty folder beside `out`, which gets its name when the block ends, and is removed if that fails.

    Raises:
      BadData: Something is at `out` that may not be replaced.
    """
    check_free(out, overwrite=overwrite)
    aside, former = (out.with_name(f".{out.name}.{kind}-{uuid4().hex}") for kind in ("part", "former"))
    try:
        aside.mkdir(parents=True)
    except OSError as error:
        raise BadData(f"{out}: cannot be made ({error.strerror}); choose another --to") from error
    try:
        yield aside
        (aside / SUCCESS).touch()
        check_free(out, overwrite=overwrite)
        if out.exists():
            out.rename(former)
        aside.rename(out)
    finally:
        if former.exists() and not out.exists():
            former.rename(out)
        for left in (aside, former):
            shutil.rmtree(left, ignore_errors=True)
