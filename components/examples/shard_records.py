"""The records of a shard: all that were written to it, or an error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from slipline.components.artifacts import Shard
from slipline.components.errors import BadData
from slipline.components.files.tfrecord_files import read_records


def read_shard(file: Path, shard: Shard) -> Iterator[bytes]:
    """The records of `shard`, which lies at `file`, in order.

    Raises:
      BadData: The file is cut off or corrupt, or has fewer or more records than were written to it.
    """
    found = 0
    for found, record in enumerate(read_records(file), start=1):
        if found > shard.records:
            break
        yield record
    if found != shard.records:
        raise BadData(
            f"{file}: wanted the {shard.records:,} records that were written to it, got {_text(found, shard)}; "
            "it was altered since: run again with --fresh"
        )


def _text(found: int, shard: Shard) -> str:
    return "more" if found > shard.records else f"{found:,}"
