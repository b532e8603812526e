"""Plain PNG images, many at once: the most common form of the format, without the cost of a reader for each image.

A plain image holds 8 bits a channel, grey or RGB with or without alpha, not interlaced, in three chunks: IHDR, one
IDAT, IEND. Its pixels are a zlib stream of rows; each row begins with the number of its filter, which says how its
bytes were predicted from those to the left and above (PNG specification, third edition, section 9).
"""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Bytes: TypeAlias = NDArray[np.uint8]

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
IHDR = struct.Struct(">8sI4sIIBBBBBI")  # signature, length, kind, width, height, depth, colour, three methods, checksum
CHUNK = struct.Struct(">I4s")
IEND = b"\0\0\0\0IEND\xaeB`\x82"
DATA_START = IHDR.size + CHUNK.size
TAIL_BYTES = 4 + len(IEND)
IDAT_CRC = zlib.crc32(b"IDAT")  # which a checksum covers too
MODES = {0: "L", 2: "RGB", 4: "LA", 6: "RGBA"}  # one letter a channel
FILTERS = 5


class PlainHead(NamedTuple):
    """What the head of a plain image states; `mode` is Pillow's name, with one letter a channel."""

    height: int
    width: int
    mode: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.height, self.width, len(self.mode)

    @property
    def row_bytes(self) -> int:
        """Bytes of a row as filtered: the number of the filter, then the pixels."""
        return 1 + self.width * len(self.mode)

    @property
    def filtered_bytes(self) -> int:
        """Bytes of all rows as filtered."""
        return self.height * self.row_bytes


def plain_head(encoded: bytes) -> PlainHead | None:
    """The head of an image that is plain as far as its pixel data; None if it is not, or is damaged."""
    return _parsed(encoded[: IHDR.size]) if encoded[DATA_START - 4 : DATA_START] == b"IDAT" else None


@lru_cache(maxsize=1_024)  # a data set has few different heads
def _parsed(head: bytes) -> PlainHead | None:
    signature, length, kind, width, height, depth, colour, *methods, checksum = IHDR.unpack(head)
    if (signature, length, kind, depth, methods) != (PNG_SIGNATURE, 13, b"IHDR", 8, [0, 0, 0]):
        return None
    if colour not in MODES or not (width and height) or zlib.crc32(head[12:29]) != checksum:
        return None
    return PlainHead(height, width, MODES[colour])


def filtered_rows(encoded: bytes, head: PlainHead) -> bytes | None:
    """The filtered rows of a plain image, `height` times `row_bytes`; None if it is not plain, or is damaged."""
    data = encoded[DATA_START:-TAIL_BYTES]
    checksum = zlib.crc32(data, IDAT_CRC)
    if encoded[IHDR.size : DATA_START] != CHUNK.pack(len(data), b"IDAT"):
        return None
    if encoded[-TAIL_BYTES:] != checksum.to_bytes(4, "big") + IEND:
        return None
    size = head.filtered_bytes
    stream = zlib.decompressobj()
    try:
        rows = stream.decompress(data, size + 1)  # one more would be too many: a bomb unpacks no further
    except zlib.error:
        return None
    return rows if stream.eof and len(rows) == size and not stream.unused_data else None


def unfiltered(rows: Bytes, channels: int) -> Bytes:
    """The pixels of images of one size.

    A pixel is predicted from its neighbours to the left, above, and above to the left. Those of all pixels on one
    diagonal, in all the images, lie on the two diagonals before it, so each diagonal is one step of whole arrays.

    Args:
      rows: uint8 of shape [images, height, 1 + width * channels], each row led by the number of its filter, 0 to 4.
      channels: Of the images.

    Returns:
      uint8 of shape [images, height, width, channels].
    """
    images, height, row_bytes = rows.shape
    width = (row_bytes - 1) // channels
    # Row y of an image lies at [y + 2 : y + 2 + width, y + 1], so that a diagonal has one first index. The zeros around
    # are what pixels of the edge are predicted from.
    slanted = np.zeros((height + width + 1, height + 1, channels, images), np.uint8)
    for y in range(height):
        slanted[y + 2 : y + 2 + width, y + 1] = rows[:, y, 1:].reshape(images, width, channels).transpose(1, 2, 0)
    filters = np.ascontiguousarray(rows[:, :, 0].T)[:, None]
    masks = [_mask(filters == number) for number in range(1, FILTERS)]
    for diagonal in range(2, height + width + 1):
        top, bottom = max(0, diagonal - 1 - width), min(diagonal - 1, height)
        before, earlier = slanted[diagonal - 1], slanted[diagonal - 2]
        slanted[diagonal, top + 1 : bottom + 1] += _predicted(
            before[top + 1 : bottom + 1],
            before[top:bottom],
            earlier[top:bottom],
            [mask[top:bottom] for mask in masks],
        )
    pixels = np.empty((images, height, width, channels), np.uint8)
    for y in range(height):
        pixels[:, y] = slanted[y + 2 : y + 2 + width, y + 1].transpose(2, 0, 1)
    return pixels


def _predicted(left: Bytes, above: Bytes, corner: Bytes, masks: list[Bytes]) -> Bytes:
    sub, up, average, paeth = masks
    # Half of the sum, rounded down, without leaving 8 bits.
    middle: Bytes = (left & above) + ((left ^ above) >> 1)
    predicted: Bytes = (left & sub) | (above & up) | (middle & average) | (_nearest(left, above, corner) & paeth)
    return predicted


def _nearest(left: Bytes, above: Bytes, corner: Bytes) -> Bytes:
    """Of the three, the nearest to left + above - corner, in 8 bits; of equally near ones the first."""
    low: Bytes = np.minimum(left, above)
    high: Bytes = np.maximum(left, above)
    below_high: Bytes = np.maximum(high, corner) - corner
    above_low: Bytes = np.maximum(low, corner) - low
    is_low, is_high = _mask(below_high <= above_low >> 1), _mask(above_low <= below_high >> 1)
    nearest: Bytes = low & is_low
    nearest |= high & is_high  # both only where all three are equal
    nearest |= corner & ~(is_low | is_high)
    return nearest


def _mask(chosen: NDArray[np.bool_]) -> Bytes:
    """255 where chosen, else 0: picking by `&` is a hundred times faster than by `np.where`."""
    return chosen.view(np.uint8) * np.uint8(255)
