"""TFRecord files by name, shards among them, and their records in groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from slipline.components.artifacts import Shard
from slipline.components.errors import BadData
from slipline.components.files.file_systems import BUFFER_BYTES, GZIP_ERRORS, opened
from slipline.serving.wire import tfrecord
from slipline.serving.wire.tfrecord import FRAME_BYTES, DamagedRecord, framed

S = TypeVar("S", bound=Sized)


def read_records(file: Path | str) -> Iterator[bytes]:
    """The records of a TFRecord file in order; one whose name ends in `.gz` is gzip-compressed.

    Raises:
      BadData: The file is missing, cut off or corrupt; names the record, counted from 0, and its byte offset.
    """
    name = str(file)
    with opened(name) as stream:
        try:
            yield from tfrecord.read_records(stream, GZIP_ERRORS)
        except DamagedRecord as error:
            problem = f"the gzip stream is broken ({error.problem})" if error.__cause__ else error.problem
            unpacked = " of the unpacked data" if name.endswith(".gz") else ""
            raise BadData(
                f"{name}: record {error.number} (counted from 0) at byte {error.offset}{unpacked}: {problem}; "
                "restore the file from where it came, or remove it"
            ) from error


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
        got = "more" if found > shard.records else f"{found:,}"
        raise BadData(
            f"{file}: wanted the {shard.records:,} records that were written to it, got {got}; "
            "it was altered since: run again with --fresh"
        )


def batched(items: Iterable[S], count: int = 1_000, size_bytes: int = 1 << 23) -> Iterator[list[S]]:
    """Groups `items` in order, closing a group at `count` items or at `size_bytes` in all."""
    group: list[S] = []
    held = 0
    for item in items:
        group.append(item)
        held += len(item)
        if len(group) >= count or held >= size_bytes:
            yield group
            group, held = [], 0
    if group:
        yield group


def write_records(file: Path, records: Iterable[bytes]) -> int:
    """Writes `records` to a new TFRecord file and returns how many there were.

    The file has its name only once it is complete; what an interrupted call left is overwritten.
    """
    with closing(RecordWriter(file)) as writer:
        for record in records:
            writer.write(record)
        writer.complete()
    return writer.records


class RecordWriter:
    """A TFRecord file being written; it has its name once it is complete.

    Attributes:
      records: How many were written so far.
    """

    def __init__(self, file: Path) -> None:
        """Begins `file`; what an interrupted writer left of it is overwritten."""
        self.records = 0
        self._file = file
        self._aside = file.with_name(file.name + ".part")
        self._size_bytes = 0
        self._stream = self._aside.open("wb", buffering=BUFFER_BYTES)

    def write(self, record: bytes) -> None:
        """Adds one record."""
        self._stream.write(framed(record))
        self.records += 1
        self._size_bytes += FRAME_BYTES + len(record)

    def complete(self) -> None:
        """Gives the file its name, as all records are written."""
        self._stream.close()
        size_bytes = self._aside.stat().st_size
        if size_bytes != self._size_bytes:
            raise OSError(f"{self._aside}: wrote {self._size_bytes:,} bytes, but the file has {size_bytes:,}")
        self._aside.replace(self._file)

    def close(self) -> None:
        """Ends the writing, complete or not."""
        self._stream.close()
