"""TFRecord files, read and written record by record with every checksum checked.

A record is framed as: its length (8 bytes, little-endian), the length's masked crc32c (4 bytes), its data, the data's
masked crc32c (4 bytes).
"""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from collections.abc import Iterable, Iterator, Sized
from pathlib import Path
from typing import BinaryIO, TypeVar

import google_crc32c

from components.errors import BadData

S = TypeVar("S", bound=Sized)

HEAD = struct.Struct("<QI")
CHECKSUM = struct.Struct("<I")
FRAME_BYTES = HEAD.size + CHECKSUM.size
BUFFER_BYTES = 1 << 20


def read_records(file: Path) -> Iterator[bytes]:
    """The records of a TFRecord file in order; a name that ends in `.gz` is gzip-compressed.

    Raises:
      BadData: The file is cut off or corrupt; names the record, counted from 0, and its byte offset.
    """
    number = offset = 0
    try:
        with _opened(file) as stream:
            while head := stream.read(HEAD.size):
                data = _record(stream, head)
                yield data
                number += 1
                offset += FRAME_BYTES + len(data)
    except _Broken as error:
        raise BadData(_message(file, number, offset, str(error))) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadData(_message(file, number, offset, f"the gzip stream is broken ({error})")) from error


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
    aside = file.with_name(file.name + ".part")
    count = size_bytes = 0
    with aside.open("wb", buffering=BUFFER_BYTES) as stream:
        for record in records:
            stream.write(frame(record))
            count += 1
            size_bytes += FRAME_BYTES + len(record)
    if aside.stat().st_size != size_bytes:
        raise OSError(f"{aside}: wrote {size_bytes:,} bytes, but the file has {aside.stat().st_size:,}")
    aside.replace(file)
    return count


def frame(record: bytes) -> bytes:
    """`record` as it stands in a TFRecord file."""
    length = struct.pack("<Q", len(record))
    return b"".join((length, CHECKSUM.pack(masked_crc(length)), record, CHECKSUM.pack(masked_crc(record))))


def masked_crc(data: bytes) -> int:
    """The checksum that TFRecord files hold: a crc32c, rotated and offset."""
    crc = int(google_crc32c.value(data))
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


class _Broken(Exception):
    """What is wrong with the record at hand."""


def _opened(file: Path) -> BinaryIO:
    if file.suffix == ".gz":
        return io.BufferedReader(gzip.open(file), BUFFER_BYTES)
    return file.open("rb", buffering=BUFFER_BYTES)


def _record(stream: BinaryIO, head: bytes) -> bytes:
    if len(head) < HEAD.size:
        raise _Broken(f"the file ends within the record's {HEAD.size}-byte head, after {len(head)} bytes")
    length, length_crc = HEAD.unpack(head)
    if masked_crc(head[:8]) != length_crc:
        # Checked before the data are read: a corrupt length may ask for more memory than there is.
        hint = "; it looks gzip-compressed: let its name end in .gz" if head.startswith(b"\x1f\x8b") else ""
        raise _Broken(f"the record's length does not match its checksum{hint}")
    body = stream.read(length + CHECKSUM.size)
    if len(body) < length + CHECKSUM.size:
        raise _Broken(f"the file ends early: wanted {length + CHECKSUM.size:,} more bytes, got {len(body):,}")
    data = body[:length]
    if masked_crc(data) != CHECKSUM.unpack_from(body, length)[0]:
        raise _Broken(f"the record's {length:,} bytes of data do not match their checksum")
    return data


def _message(file: Path, number: int, offset: int, problem: str) -> str:
    unpacked = " of the unpacked data" if file.suffix == ".gz" else ""
    return (
        f"{file}: record {number} (counted from 0) at byte {offset}{unpacked}: {problem}; "
        "restore the file from where it came, or remove it"
    )
