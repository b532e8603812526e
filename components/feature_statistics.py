"""What is kept of the records of a split: one summary for each feature, built from batches, merged in any order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np

from components.accumulators import Bins, Moments, NumberSummary, PixelCounts
from components.examples_io import Pixels, UndecodableImage, decode_image, parse_example
from components.tfrecord import batched
from serving.wire.example_pb2 import Feature


@dataclass(frozen=True, kw_only=True)
class ImageSummary:
    """What a feature's encoded images decode to.

    Attributes:
      undecodable: Values that are no readable PNG or JPEG image.
      heights: Of the decoded images, in pixels.
      widths: Of the decoded images, in pixels.
      channels: Of the decoded images.
      pixels: Values of all their pixels, all channels together.
    """

    undecodable: int = 0
    heights: NumberSummary = field(default_factory=NumberSummary)
    widths: NumberSummary = field(default_factory=NumberSummary)
    channels: NumberSummary = field(default_factory=NumberSummary)
    pixels: PixelCounts = field(default_factory=PixelCounts)

    @classmethod
    def of(cls, encoded: Sequence[bytes]) -> ImageSummary:
        """The summary of encoded images; pixels are held for a few MiB of them at a time."""
        sizes: list[tuple[int, ...]] = []
        pixels = PixelCounts()
        for group in batched(_decoded(encoded, sizes)):
            pixels = pixels.merge(PixelCounts.of(np.concatenate(group)))
        heights, widths, channels = np.array(sizes, np.int64).reshape(-1, 3).T
        return cls(
            undecodable=len(encoded) - len(sizes),
            heights=NumberSummary.of(heights),
            widths=NumberSummary.of(widths),
            channels=NumberSummary.of(channels),
            pixels=pixels,
        )

    def merge(self, other: ImageSummary) -> ImageSummary:
        """The summary of both together."""
        return ImageSummary(
            undecodable=self.undecodable + other.undecodable,
            heights=self.heights.merge(other.heights),
            widths=self.widths.merge(other.widths),
            channels=self.channels.merge(other.channels),
            pixels=self.pixels.merge(other.pixels),
        )


def _decoded(encoded: Sequence[bytes], sizes: list[tuple[int, ...]]) -> Iterator[Pixels]:
    for image in encoded:
        try:
            pixels = decode_image(image)
        except UndecodableImage:
            continue
        sizes.append(pixels.shape)
        yield pixels.ravel()


@dataclass(frozen=True, kw_only=True)
class FeatureSummary:
    """All that is kept of one feature.

    Attributes:
      valency: Number of values in each record that has any.
      integers: Values of its int64 lists.
      floats: Values of its float lists.
      sizes: Bytes in each value of its bytes lists.
      size_bins: Histogram of those.
      images: What the values of its bytes lists decode to.
    """

    valency: Moments = field(default_factory=Moments)
    integers: NumberSummary = field(default_factory=NumberSummary)
    floats: NumberSummary = field(default_factory=NumberSummary)
    sizes: Moments = field(default_factory=Moments)
    size_bins: Bins = field(default_factory=Bins)
    images: ImageSummary = field(default_factory=ImageSummary)

    @classmethod
    def of(cls, features: Sequence[Feature]) -> FeatureSummary:
        """The summary of one feature in some records; a feature without values counts as missing."""
        valency: list[int] = []
        values: dict[str, list[Any]] = {"int64_list": [], "float_list": [], "bytes_list": []}
        for feature in features:
            kind = feature.WhichOneof("kind")
            if kind is not None:
                found = getattr(feature, kind).value
                values[kind].extend(found)
                valency.append(len(found))
        sizes = np.array([len(value) for value in values["bytes_list"]], np.int64)
        return cls(
            valency=Moments.of(np.array([count for count in valency if count], np.int64)),
            integers=NumberSummary.of(np.array(values["int64_list"], np.int64)),
            floats=NumberSummary.of(np.array(values["float_list"], np.float32)),
            sizes=Moments.of(sizes),
            size_bins=Bins.of(sizes),
            images=ImageSummary.of(values["bytes_list"]),
        )

    def merge(self, other: FeatureSummary) -> FeatureSummary:
        """The summary of both together."""
        return FeatureSummary(
            valency=self.valency.merge(other.valency),
            integers=self.integers.merge(other.integers),
            floats=self.floats.merge(other.floats),
            sizes=self.sizes.merge(other.sizes),
            size_bins=self.size_bins.merge(other.size_bins),
            images=self.images.merge(other.images),
        )


@dataclass(frozen=True, kw_only=True)
class SplitSummary:
    """All that is kept of some records.

    Attributes:
      records: How many.
      not_examples: Those that are no `tf.Example`; they have no features.
      features: By feature name.
    """

    records: int = 0
    not_examples: int = 0
    features: Mapping[str, FeatureSummary] = field(default_factory=dict)

    @classmethod
    def of(cls, records: Sequence[bytes]) -> SplitSummary:
        """The summary of serialized records."""
        columns: dict[str, list[Feature]] = {}
        not_examples = 0
        for record in records:
            example = parse_example(record)
            if example is None:
                not_examples += 1
                continue
            for name, feature in example.features.feature.items():
                columns.setdefault(name, []).append(feature)
        features = {name: FeatureSummary.of(column) for name, column in columns.items()}
        return cls(records=len(records), not_examples=not_examples, features=features)

    def merge(self, other: SplitSummary) -> SplitSummary:
        """The summary of both together."""
        none = FeatureSummary()
        names = sorted({*self.features, *other.features})
        return SplitSummary(
            records=self.records + other.records,
            not_examples=self.not_examples + other.not_examples,
            features={name: self.features.get(name, none).merge(other.features.get(name, none)) for name in names},
        )


def merge_all(summaries: Iterable[SplitSummary]) -> SplitSummary:
    """The summary of all of them together."""
    return reduce(SplitSummary.merge, summaries, SplitSummary())
