"""What is kept of one feature."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from slipline.components.statistics.bins import Bins
from slipline.components.statistics.columns import BYTES, FLOATS, INTEGERS, Array, Column
from slipline.components.statistics.groups import Groups
from slipline.components.statistics.image_summary import DecodedImages, ImageSummary
from slipline.components.statistics.merging import Merging
from slipline.components.statistics.moments import Moments
from slipline.components.statistics.number_summary import NumberSummary
from slipline.components.statistics.text_summary import TextSummary


@dataclass(frozen=True, kw_only=True)
class FeatureSummary(Merging):
    """All that is kept of one feature; its values may be of several types.

    Attributes:
      valency: Number of values in each record that has any.
      integers: All int64 values.
      floats: All float values.
      sizes: Size of each bytes value, in bytes.
      size_bins: Histogram of those sizes.
      images: What bytes values decode to.
      texts: The bytes values that did not decode to images.
    """

    valency: NumberSummary = field(default_factory=NumberSummary)
    integers: NumberSummary = field(default_factory=NumberSummary)
    floats: NumberSummary = field(default_factory=NumberSummary)
    sizes: Moments = field(default_factory=Moments)
    size_bins: Bins = field(default_factory=Bins)
    images: ImageSummary = field(default_factory=ImageSummary)
    texts: TextSummary = field(default_factory=TextSummary)

    @property
    def distinct_bytes(self) -> float:
        """How many different bytes values there are, images by their pixels, within `distinct_bytes_error`."""
        return self.texts.distinct + self.images.contents.distinct

    @property
    def distinct_bytes_error(self) -> float:
        """The relative standard error of `distinct_bytes`, at most; 0 if it is exact."""
        return max(self.texts.distinct_error, self.images.contents.distinct_error)


def summarise_column(
    kind: str, column: Column, groups: Groups, images: DecodedImages | None, division: int
) -> Iterator[FeatureSummary | None]:
    """The summary of a column of the type `kind` in each group; None where no record of the group is in it.

    Args:
      kind: Field of `Feature` that held the values.
      column: The values.
      groups: How the records are divided.
      images: What the values decode to; None if they are no images.
      division: The number of `groups` among the divisions for which the pixels of `images` are counted.
    """
    value_places = groups.places(column.value_rows)
    for code, rows in enumerate(groups.places(column.rows)):
        if rows.size == 0:
            yield None
            continue
        lengths = column.lengths[rows]
        valency = NumberSummary.of(lengths[lengths > 0])
        places = value_places[code]
        if kind == INTEGERS:
            yield FeatureSummary(valency=valency, integers=NumberSummary.of(column.values[places]))
        elif kind == FLOATS:
            yield FeatureSummary(valency=valency, floats=NumberSummary.of(column.values[places]))
        elif kind == BYTES and images is None:
            yield _of_bytes(valency, column.values[places], ImageSummary(), column.values[places])
        elif kind == BYTES and images is not None:
            summary = ImageSummary.of(images, places, images.pixels[division][code])
            yield _of_bytes(valency, column.values[places], summary, column.values[places[~images.decoded[places]]])
        else:
            yield FeatureSummary(valency=valency)


def _of_bytes(valency: NumberSummary, values: Array, images: ImageSummary, others: Array) -> FeatureSummary:
    sizes: NDArray[np.int64] = np.fromiter(map(len, values), np.int64, values.size)
    return FeatureSummary(
        valency=valency,
        sizes=Moments.of(sizes),
        size_bins=Bins.of(sizes),
        images=images,
        texts=TextSummary.of(others.tolist()),
    )
