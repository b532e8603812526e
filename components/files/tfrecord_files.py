"""TFRecord files, read and written record by record with every checksum checked.

A record is framed as: its length (8 bytes, little-endian), the length's masked crc32c (4 bytes), its data, the data's
masked crc32c (4 bytes).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sized
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, TypeVar

import google_crc32c

from slipline.components.errors import BadData
from slipline.components.files.file_systems import BUFFER_BYTES, GZIP_ERRORS, opened

S = TypeVar("S", bound=Sized)

HEAD = struct.Struct("<QI")
CHECKSUM = struct.Struct("<I")
FRAME_BYTES = HEAD.size + CHECKSUM.size
LENGTHS_KEPT = 1 << 16
"""Heads of which the checksum is not computed again; the records of one data set have few different lengths."""


def read_records(file: Path) -> Iterator[bytes]:
    """The records of a local TFRecord file in order; a name that ends in `.gz` is gzip-compressed.

    Raises:
      BadData: The file is missing, cut off or corrupt; names the record, counted from 0, and its byte offset.
    """
    with opened(str(file)) as stream:
        yield from read_stream(stream, str(file))


def read_stream(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """The records of an open TFRecord file in order.

    Args:
      stream: Its unpacked bytes; `read(n)` gives n of them, or fewer at the end.
      name: What messages call it.

    Raises:
      BadData: The file is cut off or corrupt; names the record, counted from 0, and its byte offset.
    """
    number = offset = 0
    try:
        head = stream.read(HEAD.size)
        while head:
            data = stream.read(_length(head))
            # One read takes the checksum and the next record's head: calls are what time goes into.
            tail = stream.read(FRAME_BYTES)
            if len(tail) < CHECKSUM.size or masked_crc(data) != CHECKSUM.unpack_from(tail)[0]:
                raise _Broken(_damage(head, data, tail))
            yield data
            number += 1
            offset += FRAME_BYTES + len(data)
            head = tail[CHECKSUM.size :]
    except _Broken as error:
        raise BadData(_message(name, number, offset, str(error))) from None
    except GZIP_ERRORS as error:
        raise BadData(_message(name, number, offset, f"the gzip stream is broken ({error})")) from error


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
        self._stream.write(frame(record))
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


def frame(record: bytes) -> bytes:
    """`record` as it stands in a TFRecord file."""
    return b"".join((_head(len(record)), record, CHECKSUM.pack(masked_crc(record))))


def masked_crc(data: bytes) -> int:
    """The checksum that TFRecord files hold: a crc32c, rotated and offset."""
    crc: int = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


class _Broken(Exception):
    """What is wrong with the record at hand."""


@lru_cache(LENGTHS_KEPT)
def _head(length: int) -> bytes:
    return HEAD.pack(length, masked_crc(struct.pack("<Q", length)))


@lru_cache(LENGTHS_KEPT)
def _length(head: bytes) -> int:
    # Checked before the data are read: a corrupt length may ask for more memory than there is.
    if len(head) < HEAD.size:
        raise _Broken(f"the file ends within the record's {HEAD.size}-byte head, after {len(head)} bytes")
    length: int = HEAD.unpack(head)[0]
    if _head(length) != head:
        hint = "; it looks gzip-compressed: let its name end in .gz" if head.startswith(b"\x1f\x8b") else ""
        raise _Broken(f"the record's length does not match its checksum{hint}")
    return length


def _damage(head: bytes, data: bytes, tail: bytes) -> str:
    wanted, got = _length(head) + CHECKSUM.size, len(data) + len(tail)
    if got < wanted:
        return f"the file ends early: wanted {wanted:,} more bytes, got {got:,}"
    return f"the record's {len(data):,} bytes of data do not match their checksum"


def _message(name: str, number: int, offset: int, problem: str) -> str:
    unpacked = " of the unpacked data" if name.endswith(".gz") else ""
    return (
        f"{name}: record {number} (counted from 0) at byte {offset}{unpacked}: {problem}; "
        "restore the file from where it came, or remove it"
    )
