"""Pairs of IDX archives, the format of the original MNIST files, as a source of examples.

An IDX file begins with two zero bytes, a byte for the type of its values (8: unsigned bytes), a byte for the number of
its dimensions, and each dimension as a big-endian uint32; the values follow.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO

from slipline.components.errors import BadData
from slipline.components.examples.example_records import encode_example
from slipline.components.files.file_systems import GZIP_ERRORS, broken_gzip, opened

UNSIGNED_BYTES = 8
CHANNEL_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
MOST_ITEM_BYTES = 1 << 30
"""Of a larger image the head is corrupt, and there may be no memory to read it."""

QUICK = 1
"""zlib's level that takes least time; MNIST comes out 2 % larger than at its default."""


@dataclass(frozen=True, kw_only=True)
class IdxPair:
    """A file of images and the file of their labels, in any order; record N is image N, as PNG, and label N.

    Attributes:
      first: The one file, plain or gzip-compressed.
      second: The other.
    """

    first: str
    second: str

    @property
    def path(self) -> str:
        """Both files."""
        return f"{self.first} + {self.second.rpartition('/')[2]}"

    def records(self) -> Iterator[bytes]:
        """One example for each image.

        Raises:
          BadData: They are no such pair, or one is cut off or longer than it says.
        """
        with ExitStack() as stack:
            archives = [_Archive(path, stack.enter_context(opened(path))) for path in (self.first, self.second)]
            labels, images = sorted(archives, key=lambda archive: len(archive.shape))
            _check_pair(images, labels)
            for _ in range(images.shape[0]):
                yield encode_example(_png(images.read_item(), images.shape[1:]), labels.read_item()[0])
            images.check_end()
            labels.check_end()


class _Archive:
    """An open IDX file.

    Attributes:
      shape: Its dimensions, the number of items first.
    """

    def __init__(self, path: str, stream: BinaryIO) -> None:
        self.path = path
        self._stream = stream
        self._items = 0
        head = self._read(4)
        if len(head) < 4 or head[:2] != b"\0\0" or head[2] != UNSIGNED_BYTES or not 1 <= head[3] <= 4:
            raise BadData(
                f"{path}: wanted an IDX file of unsigned bytes in 1, 3 or 4 dimensions, which begins with "
                f"00 00 08 and 01, 03 or 04, got {head.hex(' ') or 'an empty file'}"
            )
        sizes = self._read(4 * head[3])
        if len(sizes) < 4 * head[3]:
            raise BadData(f"{path}: the file ends within its head; restore it from where it came")
        self.shape: tuple[int, ...] = struct.unpack(f">{head[3]}I", sizes)
        self._item_bytes = math.prod(self.shape[1:])
        if self._item_bytes > MOST_ITEM_BYTES:
            raise BadData(
                f"{path}: wanted items of at most {MOST_ITEM_BYTES:,} bytes, got a head that says "
                f"{' x '.join(map(str, self.shape[1:]))}; restore the file from where it came"
            )

    def read_item(self) -> bytes:
        """The next image or label."""
        item = self._read(self._item_bytes)
        if len(item) < self._item_bytes:
            raise BadData(
                f"{self.path}: wanted {self.shape[0]:,} items of {self._item_bytes:,} bytes, as its head says, but the "
                f"file ends within item {self._items:,} (counted from 0); restore it from where it came"
            )
        self._items += 1
        return item

    def check_end(self) -> None:
        """Makes sure that there is no more than the head says."""
        if self._read(1):
            raise BadData(
                f"{self.path}: wanted {self.shape[0]:,} items, as its head says, but more bytes follow; "
                "restore it from where it came"
            )

    def _read(self, size_bytes: int) -> bytes:
        try:
            return self._stream.read(size_bytes)
        except GZIP_ERRORS as error:  # here it is known in which of the two files
            raise broken_gzip(self.path, error) from error


def _check_pair(images: _Archive, labels: _Archive) -> None:
    if len(labels.shape) != 1 or len(images.shape) not in (3, 4):
        raise BadData(
            f"{images.path} and {labels.path}: wanted images in 3 or 4 dimensions and labels in 1, "
            f"got {len(images.shape)} and {len(labels.shape)}"
        )
    if labels.shape[0] != images.shape[0]:
        raise BadData(
            f"{labels.path}: wanted a label for each of the {images.shape[0]:,} images in {images.path}, "
            f"got {labels.shape[0]:,}"
        )
    if 0 in images.shape[1:] or (len(images.shape) == 4 and images.shape[3] not in CHANNEL_MODES):
        raise BadData(
            f"{images.path}: wanted images of some height and width and 1 to 4 channels, "
            f"got {' x '.join(map(str, images.shape[1:]))}"
        )


def _png(pixels: bytes, shape: tuple[int, ...]) -> bytes:
    from PIL import Image

    height, width, *channels = shape
    image = Image.frombytes(CHANNEL_MODES[channels[0] if channels else 1], (width, height), pixels)
    encoded = io.BytesIO()
    image.save(encoded, "PNG", compress_level=QUICK)
    return encoded.getvalue()
