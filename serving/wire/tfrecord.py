"""TFRecord files, written and read record by record with every checksum checked.

A record is framed as: its length (8 bytes, little-endian), the length's masked CRC-32C (4 bytes), its data, the data's
masked CRC-32C (4 bytes).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import BinaryIO

_POLYNOMIAL = 0x82F63B78  # CRC-32C (Castagnoli), bits reversed: RFC 3720, appendix B.4
_HEAD, _CHECKSUM = struct.Struct("<QI"), struct.Struct("<I")
FRAME_BYTES = _HEAD.size + _CHECKSUM.size
_MOST_BYTES = 1 << 31  # Protocol Buffers' limit; a length beyond it is not worth the memory
_LENGTHS_KEPT = 1 << 16  # whose heads are not computed again; the records of a file have few different lengths


class DamagedRecord(Exception):
    """A record is cut off, or a checksum is wrong.

    Attributes:
      number: Of the record, counted from 0.
      offset: The byte at which it begins.
      problem: What is wrong with it.
    """

    def __init__(self, number: int, offset: int, problem: str) -> None:
        super().__init__(f"record {number} is cut off or corrupt")
        self.number, self.offset, self.problem = number, offset, problem


def read_records(stream: BinaryIO, unreadable: tuple[type[Exception], ...] = ()) -> Iterator[bytes]:
    """The data of each record up to the end of the stream.

    Args:
      stream: `read(n)` gives n bytes, or fewer at the end.
      unreadable: What that raises where the stream is damaged itself, as a packed one may be.

    Raises:
      DamagedRecord: What follows is no record.
    """
    number = offset = 0
    try:
        head = stream.read(_HEAD.size)
        while head:
            length = _length(head)
            data = stream.read(min(length, _MOST_BYTES))
            # One read takes the checksum and the next record's head: calls are what time goes into.
            tail = stream.read(FRAME_BYTES)
            if len(tail) < _CHECKSUM.size or _masked(data) != _CHECKSUM.unpack_from(tail)[0]:
                raise _Broken(_damage(length, data, tail))
            yield data
            number += 1
            offset += FRAME_BYTES + length
            head = tail[_CHECKSUM.size :]
    except _Broken as error:
        raise DamagedRecord(number, offset, str(error)) from None
    except unreadable as error:
        raise DamagedRecord(number, offset, str(error)) from error


def framed(record: bytes) -> bytes:
    """A record as it is in the file."""
    return b"".join((_head(len(record)), record, _CHECKSUM.pack(_masked(record))))


class _Broken(Exception):
    """What is wrong with the record at hand."""


@lru_cache(_LENGTHS_KEPT)
def _head(length: int) -> bytes:
    return _HEAD.pack(length, _masked(struct.pack("<Q", length)))


@lru_cache(_LENGTHS_KEPT)
def _length(head: bytes) -> int:
    # Checked before the data are read: a corrupt length may ask for more memory than there is.
    if len(head) < _HEAD.size:
        raise _Broken(f"the file ends within the record's {_HEAD.size}-byte head, after {len(head)} bytes")
    length: int = _HEAD.unpack(head)[0]
    if _head(length) != head:
        hint = "; it looks gzip-compressed: let its name end in .gz" if head.startswith(b"\x1f\x8b") else ""
        raise _Broken(f"the record's length does not match its checksum{hint}")
    return length


def _damage(length: int, data: bytes, tail: bytes) -> str:
    wanted, got = length + _CHECKSUM.size, len(data) + len(tail)
    if got < wanted:
        return f"the file ends early: wanted {wanted:,} more bytes, got {got:,}"
    return f"the record's {len(data):,} bytes of data do not match their checksum"


def _masked(data: bytes) -> int:
    crc = _crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


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


try:
    from google_crc32c import value as _fast_crc32c
except ImportError:
    _fast_crc32c = crc32c
_crc32c: Callable[[bytes], int] = _fast_crc32c
