"""TFRecord files, written: each record with its length and checksums."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache

_POLYNOMIAL = 0x82F63B78  # CRC-32C (Castagnoli), bits reversed: RFC 3720, appendix B.4


def framed(record: bytes) -> bytes:
    """A record as it is in the file: length (8 bytes, little-endian), its masked CRC-32C (4), data, their CRC (4)."""
    length = struct.pack("<Q", len(record))
    return b"".join((length, _masked(length), record, _masked(record)))


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
