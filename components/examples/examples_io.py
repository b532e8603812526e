"""How an example is encoded: a `tf.Example` whose image is PNG or JPEG bytes and whose label is an int64."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slipline.components.artifacts import Examples
from slipline.components.errors import BadData
from slipline.components.examples.example_records import parse_example
from slipline.components.examples.record_places import RecordPlaces
from slipline.components.features.decode_images import (
    Pixels,
    UndecodableImage,
    decode_image,
    shape_text,
)
from slipline.components.features.image_batches import decode_groups
from slipline.components.features.schema_io import ExampleSpec, ImageFeature
from slipline.components.files.tfrecord_files import read_shard

CHUNK_BYTES = 1 << 23  # pixels decoded at a time


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Decoded examples in record order.

    Attributes:
      images: uint8 of shape [records, height, width, channels], 0 to 255.
      labels: int64 of shape [records].
    """

    images: Pixels
    labels: NDArray[np.int64]


def read_batches(examples: Examples, split: str, spec: ExampleSpec, size: int = 1_024) -> Iterator[Batch]:
    """The examples of `split` in record order, `size` at a time, the last batch perhaps smaller.

    Raises:
      BadData: A record is not what `spec` says, or a file is broken; names the record.
    """
    records = _records(examples, split)
    for some in iter(lambda: list(islice(records, size)), []):
        try:
            yield _decoded([record.content for record in some], spec)
        except ValueError:
            _raise_first_problem(some, spec)
            raise


def read_split(examples: Examples, split: str, spec: ExampleSpec) -> Batch:
    """All examples of `split` in memory, in record order.

    Raises:
      BadData: A record is not what `spec` says, or a file is broken; names the record.
    """
    batches = list(read_batches(examples, split, spec, max(1, CHUNK_BYTES // math.prod(spec.image.shape))))
    if not batches:
        raise BadData(f"{examples.path}: split {split!r} has no records")
    return Batch(
        images=np.concatenate([batch.images for batch in batches]),
        labels=np.concatenate([batch.labels for batch in batches]),
    )


class _Record(NamedTuple):
    """A record, and its number among those of a shard, which come from these places."""

    content: bytes
    number: int
    places: RecordPlaces


def _records(examples: Examples, split: str) -> Iterator[_Record]:
    for shard in examples.split(split).shards:
        file = examples.path / shard.file
        places = RecordPlaces(file, shard)
        for number, content in enumerate(read_shard(file, shard)):
            yield _Record(content, number, places)


def _decoded(records: Sequence[bytes], spec: ExampleSpec) -> Batch:
    fields = [_image_and_label(record, spec) for record in records]
    images = np.empty((len(records), *spec.image.shape), np.uint8)
    decoded = 0
    for group in decode_groups([image for image, _ in fields]):
        _check_size(group.pixels.shape[1:], spec.image)
        images[group.places] = group.pixels
        decoded += len(group.places)
    if decoded < len(records):
        raise ValueError("an image does not decode")
    return Batch(images=images, labels=np.array([label for _, label in fields], np.int64))


def _raise_first_problem(records: Sequence[_Record], spec: ExampleSpec) -> None:
    for record in records:
        try:
            image, _ = _image_and_label(record.content, spec)
            _check_size(decode_image(image).shape, spec.image)
        except (UndecodableImage, ValueError) as error:
            raise BadData(f"{record.places.place(record.number)}: {error}") from error


def _image_and_label(record: bytes, spec: ExampleSpec) -> tuple[bytes, int]:
    example = parse_example(record)
    if example is None:
        raise ValueError("wanted a tf.Example, got other bytes")
    features = example.features.feature
    images = features[spec.image.name].bytes_list.value
    labels = features[spec.label.name].int64_list.value
    if len(images) != 1 or len(labels) != 1:
        raise ValueError(
            f"wanted one image {spec.image.name!r} and one label {spec.label.name!r}, "
            f"got {len(images)} and {len(labels)}"
        )
    if not 0 <= labels[0] < spec.label.classes:
        raise ValueError(f"{spec.label.name}: wanted 0 to {spec.label.classes - 1}, got {labels[0]}")
    return images[0], labels[0]


def _check_size(shape: tuple[int, ...], wanted: ImageFeature) -> None:
    if shape != wanted.shape:
        raise ValueError(f"{wanted.name}: wanted {shape_text(wanted.shape)} pixels, got {shape_text(shape)}")
