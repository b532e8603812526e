"""The offending records of all shards, gathered into one file, and what is wrong with each into another."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from slipline.components.artifacts import LISTING, OFFENDERS
from slipline.components.validation.shard_checks import Checked

LISTING_HEAD = "split,where,feature,kind,wanted,got\r\n"


def gather_offenders(checked: Sequence[Checked], out: Path) -> None:
    """Moves what each shard's check wrote to the end of `out`'s two files, in the order given."""
    with (out / OFFENDERS).open("wb") as records, (out / LISTING).open("wb") as listing:
        listing.write(LISTING_HEAD.encode())
        for job in (each.job for each in checked):
            _move_to_end(job.offenders, records)
            _move_to_end(job.listing, listing)


def _move_to_end(part: Path, whole: BinaryIO) -> None:
    with part.open("rb") as stream:
        shutil.copyfileobj(stream, whole)
    part.unlink()
