"""Many encoded images, decoded into arrays of one size each."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slipline.components.features.decode_images import Pixels, UndecodableImage, decode_with_mode
from slipline.components.features.png_rows import FILTERS, PlainHead, filtered_rows, plain_head, unfiltered

GROUP_BYTES = 1 << 23
# Measured against Pillow, which is as fast for larger images, or for fewer of a size.
LARGEST_PLAIN_BYTES = 1 << 16
FEWEST_PLAIN = 50
SLIM = 4


@dataclass(frozen=True, kw_only=True)
class ImageGroup:
    """Decoded images of one size and mode.

    Attributes:
      places: int64 of shape [images]: where each stood among the encoded ones, in rising order.
      pixels: uint8 of shape [images, height, width, channels].
      mode: Pillow's name of the mode in which they were encoded: `L`, `LA`, `RGB`, `RGBA`, `P` or `1`.
    """

    places: NDArray[np.int64]
    pixels: Pixels
    mode: str


def decode_groups(encoded: Sequence[bytes]) -> Iterator[ImageGroup]:
    """The images as `decode_image` decodes each; one that is in no group could not be decoded.

    Yields:
      Groups of at most 8 MiB of pixels, or of one larger image; there may be several of one size and mode.
    """
    plain: dict[PlainHead, list[int]] = {}
    others: list[int] = []
    for place, image in enumerate(encoded):
        head = plain_head(image)
        alike = plain.setdefault(head, []) if head is not None and _is_worthwhile(head) else others
        alike.append(place)
    for head, alike in plain.items():
        if len(alike) < FEWEST_PLAIN:
            others.extend(alike)
            continue
        most = GROUP_BYTES // head.filtered_bytes
        for start in range(0, len(alike), most):
            places = alike[start : start + most]
            group = _decode_plain(encoded, places, head)
            if len(group.places):
                yield group
            others.extend(set(places).difference(group.places.tolist()))
    yield from _decode_singly(encoded, sorted(others))


def _is_worthwhile(head: PlainHead) -> bool:
    # Of slim images there would be many diagonals with little on each.
    is_slim = max(head.height, head.width) > SLIM * min(head.height, head.width)
    return head.filtered_bytes <= LARGEST_PLAIN_BYTES and not is_slim


def _decode_plain(encoded: Sequence[bytes], places: list[int], head: PlainHead) -> ImageGroup:
    """Those of the images that are as plain as their heads."""
    found = [(place, rows) for place in places if (rows := filtered_rows(encoded[place], head)) is not None]
    stacked = np.frombuffer(b"".join(rows for _, rows in found), np.uint8)
    stacked = stacked.reshape(len(found), head.height, head.row_bytes)
    known = np.all(stacked[:, :, 0] < FILTERS, axis=1)
    if not known.all():
        found, stacked = [pair for pair, good in zip(found, known.tolist(), strict=True) if good], stacked[known]
    return ImageGroup(
        places=np.array([place for place, _ in found], np.int64),
        pixels=unfiltered(stacked, len(head.mode)),
        mode=head.mode,
    )


def _decode_singly(encoded: Sequence[bytes], places: list[int]) -> Iterator[ImageGroup]:
    alike: dict[tuple[tuple[int, ...], str], list[tuple[int, Pixels]]] = {}
    held = 0
    for place in places:
        try:
            pixels, mode = decode_with_mode(encoded[place])
        except UndecodableImage:
            continue
        if held + pixels.nbytes > GROUP_BYTES:
            yield from map(_stacked, alike, alike.values())
            alike, held = {}, 0
        alike.setdefault((pixels.shape, mode), []).append((place, pixels))
        held += pixels.nbytes
    yield from map(_stacked, alike, alike.values())


def _stacked(kind: tuple[tuple[int, ...], str], found: list[tuple[int, Pixels]]) -> ImageGroup:
    return ImageGroup(
        places=np.array([place for place, _ in found], np.int64),
        pixels=np.stack([pixels for _, pixels in found]),
        mode=kind[1],
    )


def content_digests(group: ImageGroup) -> NDArray[np.uint64]:
    """128 bits of blake2b over the shape and pixels of each image, uint64 of shape [images, 2].

    The way an image is encoded does not matter, nor does the mode: the same pixels have the same digest.
    """
    images, *shape = group.pixels.shape
    person = struct.pack("<3I", *shape)
    pixels = np.ascontiguousarray(group.pixels).reshape(images, -1)
    digests = [hashlib.blake2b(image.data, digest_size=16, person=person).digest() for image in pixels]
    return np.frombuffer(b"".join(digests), "<u8").reshape(images, 2)
