"""What is kept of encoded images: sizes, modes and pixel values, of each once decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from slipline.components.features.decode_images import Pixels, looks_like_image
from slipline.components.features.image_batches import content_digests, decode_groups
from slipline.components.statistics.columns import Array, Column
from slipline.components.statistics.groups import Groups
from slipline.components.statistics.merging import Merging
from slipline.components.statistics.moments import Moments
from slipline.components.statistics.number_summary import NumberSummary
from slipline.components.statistics.value_counts import ValueCounts


@dataclass(frozen=True)
class PixelCounts(Merging):
    """How many pixels have each of the 256 values; exact, and everything else about them follows from it.

    Attributes:
      counts: int64 of shape [256].
    """

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))

    @classmethod
    def of(cls, pixels: NDArray[np.uint8]) -> PixelCounts:
        """The counts of uint8 `pixels`, of any shape."""
        if pixels.size == 0:
            return cls()
        # Pillow counts bytes 50 times as fast as NumPy, which first makes eight bytes of each.
        counts = Image.frombuffer("L", (pixels.size, 1), np.ascontiguousarray(pixels)).histogram()
        return cls(np.array(counts, np.int64))

    @property
    def moments(self) -> Moments:
        """Count, mean, spread and range of the pixels."""
        count = int(self.counts.sum())
        if count == 0:
            return Moments()
        values = np.arange(256)
        present = np.flatnonzero(self.counts)
        return Moments(
            count=count,
            total=Fraction(int(self.counts @ values)),
            squares=Fraction(int(self.counts @ np.square(values))),
            minimum=float(present[0]),
            maximum=float(present[-1]),
            zeros=int(self.counts[0]),
        )


@dataclass(frozen=True, kw_only=True)
class DecodedImages:
    """What the values of a column of bytes decode to, all but the pixels themselves.

    Attributes:
      sizes: int64 of shape [values, 3]: height, width, channels; 0 where a value did not decode.
      modes: Shape [values]: Pillow's name of the mode in which each was encoded.
      digests: uint64 of shape [values, 2]: of the pixels.
      pixels: For each division of the records, the pixels of each group.
    """

    sizes: NDArray[np.int64]
    modes: Array
    digests: NDArray[np.uint64]
    pixels: Sequence[Sequence[PixelCounts]]

    @property
    def decoded(self) -> NDArray[np.bool_]:
        """Shape [values]: whether each decoded."""
        return self.sizes[:, 0] > 0


def decode_column(column: Column, divisions: Sequence[Groups]) -> DecodedImages | None:
    """Decodes every value of a column of bytes once; None if none of them looks like an image."""
    encoded = column.values.tolist()
    if not any(map(looks_like_image, encoded)):
        return None
    sizes = np.zeros((len(encoded), 3), np.int64)
    modes = np.full(len(encoded), "", np.object_)
    digests = np.zeros((len(encoded), 2), np.uint64)
    pixels = [[PixelCounts()] * len(groups.names) for groups in divisions]
    rows = column.value_rows
    for group in decode_groups(encoded):
        sizes[group.places] = group.pixels.shape[1:]
        modes[group.places] = group.mode
        digests[group.places] = content_digests(group)
        for groups, counts in zip(divisions, pixels, strict=True):
            _count_pixels(group.pixels, groups.places(rows[group.places]), counts)
    return DecodedImages(sizes=sizes, modes=modes, digests=digests, pixels=pixels)


def _count_pixels(pixels: Pixels, places: Sequence[NDArray[np.int64]], counts: list[PixelCounts]) -> None:
    for number, those in enumerate(places):
        if those.size:
            part = pixels if those.size == len(pixels) else pixels[those]
            counts[number] = counts[number].merge(PixelCounts.of(part))


@dataclass(frozen=True, kw_only=True)
class ImageSummary(Merging):
    """What a feature's encoded images decode to.

    Attributes:
      contents: How many different ones there are, by their pixels.
      heights: Of the decoded images, in pixels.
      widths: Of the decoded images, in pixels.
      channels: Of the decoded images.
      modes: Decoded images by Pillow's name of the mode in which they were encoded, such as `L` or `RGB`.
      pixels: Values of all their pixels, all channels together.
    """

    contents: ValueCounts[int, None] = field(default_factory=ValueCounts)
    heights: NumberSummary = field(default_factory=NumberSummary)
    widths: NumberSummary = field(default_factory=NumberSummary)
    channels: NumberSummary = field(default_factory=NumberSummary)
    modes: Mapping[str, int] = field(default_factory=dict)
    pixels: PixelCounts = field(default_factory=PixelCounts)

    @property
    def decoded(self) -> int:
        """How many images there are."""
        return self.heights.moments.count

    @classmethod
    def of(cls, images: DecodedImages, places: NDArray[np.int64], pixels: PixelCounts) -> ImageSummary:
        """The summary of the values at `places`, whose pixels are counted already."""
        decoded = places[images.decoded[places]]
        heights, widths, channels = images.sizes[decoded].T
        return cls(
            contents=ValueCounts.of_counts(Counter(images.digests[decoded, 0].view(np.int64).tolist())),
            heights=NumberSummary.of(heights),
            widths=NumberSummary.of(widths),
            channels=NumberSummary.of(channels),
            modes=dict(Counter(images.modes[decoded].tolist())),
            pixels=pixels,
        )
