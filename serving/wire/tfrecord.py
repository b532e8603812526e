"""TFRecord files: each record with its length and checksums."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import BinaryIO

_POLYNOMIAL = 0x82F63B78  # CRC-32C (Castagnoli), bits reversed: RFC 3720, appendix B.4
_MOST_BYTES = 1 << 31  # Protocol Buffers' limit; a length beyond it is not worth the memory


class DamagedRecord(Exception):
    """A record is cut off, or a checksum is wrong.

    Attributes:
      number: Of the record, counted from 0.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"record {number} is cut off or corrupt")
        self.number = number


def read_records(stream: BinaryIO) -> Iterator[bytes]:
    """The data of each record up to the end of the stream.

    Raises:
      DamagedRecord: What follows is no record.
    """
    number = 0
    while start := stream.read(8):
        length = _checked(start, 8, stream.read(4), number)
        size_bytes = struct.unpack("<Q", length)[0]
        yield _checked(stream.read(min(size_bytes, _MOST_BYTES)), size_bytes, stream.read(4), number)
        number += 1


def framed(record: bytes) -> bytes:
    """A record as it is in the file: length (8 bytes, little-endian), its masked CRC-32C (4), data, their CRC (4)."""
    length = struct.pack("<Q", len(record))
    return b"".join((length, _masked(length), record, _masked(record)))


def _checked(data: bytes, size_bytes: int, checksum: bytes, number: int) -> bytes:
    if len(data) < size_bytes or checksum != _masked(data):
        raise DamagedRecord(number)
    return data


def _masked(data: bytes) -> bytes:
    crc = _crc32c()(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


@lru_cache(maxsize=1)
def _crc32c() -> Callable[[bytes], int]:
    """The fast one, if its package is installed."""
    try:
        import google_crc32c
    except ImportError:
        return crc32c
    value: Callable[[bytes], int] = google_crc32c.value
    return value


def crc32c(data: bytes) -> int:
    """The checksum, some 10 MB/s."""
    table, crc = _table(), 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


@lru_cache(maxsize=1)
def _table() -> tuple[int, ...]:
    entries = []
    for entry in range(256):
        for _ in range(8):
            entry = (entry >> 1) ^ (_POLYNOMIAL if entry & 1 else 0)  # noqa: PLW2901
        entries.append(entry)
    return tuple(entries)
