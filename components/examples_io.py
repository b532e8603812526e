"""How an example is encoded: a `tf.Example` whose image is PNG or JPEG bytes and whose label is an int64."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias, TypeVar

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from components.errors import BadData
from components.record_places import RecordPlaces
from components.schema_io import ExampleSpec, ImageFeature
from components.tfrecord import read_records
from pipeline.artifacts import Examples
from serving.wire.example_pb2 import Example

T = TypeVar("T")
Pixels: TypeAlias = NDArray[np.uint8]

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_SIGNATURE = b"\xff\xd8\xff"
# What TensorFlow decodes to the same number of channels; a palette image or a bitmap is first expanded.
CHANNEL_MODES = ("L", "LA", "RGB", "RGBA")  # one letter a channel
EXPANDED_MODES = {"1": "L", "P": "RGB"}


class UndecodableImage(Exception):
    """The bytes are no image that training could read; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Decoded examples in record order.

    Attributes:
      images: uint8 of shape [records, height, width, channels], 0 to 255.
      labels: int64 of shape [records].
    """

    images: Pixels
    labels: NDArray[np.int64]


def encode_example(image: bytes, label: int) -> bytes:
    """One serialized `tf.Example` with the features `image` (encoded image) and `label`."""
    example = Example()
    example.features.feature["image"].bytes_list.value.append(image)
    example.features.feature["label"].int64_list.value.append(label)
    return example.SerializeToString(deterministic=True)


def parse_example(record: bytes) -> Example | None:
    """The record as a `tf.Example`; None if it is none."""
    try:
        return Example.FromString(record)
    except DecodeError:
        return None


def looks_like_image(encoded: bytes) -> bool:
    """Whether the bytes begin as a PNG or JPEG file does."""
    return encoded.startswith((PNG_SIGNATURE, JPEG_SIGNATURE))


def decode_image(encoded: bytes) -> Pixels:
    """The pixels of a PNG or JPEG image, uint8 of shape [height, width, channels], not writable.

    Raises:
      UndecodableImage: The bytes are no such image, are damaged, or hold more than 8 bits a channel.
    """
    if encoded.startswith(PNG_SIGNATURE):
        _check_png_chunks(encoded)
    return _read_image(encoded, _pixels)


def stated_shape(encoded: bytes) -> tuple[int, int, int]:
    """Height, width and channels as the head of a PNG or JPEG image states them; its pixels are not read.

    Raises:
      UndecodableImage: The bytes are no such image, its head is damaged, or it holds more than 8 bits a channel.
    """
    return _read_image(encoded, lambda image: (image.height, image.width, len(_channel_mode(image))))


def _read_image(encoded: bytes, read: Callable[[Image.Image], T]) -> T:
    if not looks_like_image(encoded):
        raise UndecodableImage("neither a PNG nor a JPEG file")
    try:
        return read(Image.open(io.BytesIO(encoded), formats=("PNG", "JPEG")))
    except UnidentifiedImageError:  # its message holds the address of our buffer
        raise UndecodableImage("damaged head of the image") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UndecodableImage(str(error)) from error


def _pixels(image: Image.Image) -> Pixels:
    mode = _channel_mode(image)
    pixels = (image if mode == image.mode else image.convert(mode)).tobytes()
    return np.frombuffer(pixels, np.uint8).reshape(image.height, image.width, -1)


def _channel_mode(image: Image.Image) -> str:
    mode = EXPANDED_MODES.get(image.mode, image.mode)
    if mode not in CHANNEL_MODES:
        raise UndecodableImage(f"pixels of mode {mode}, wanted grey or RGB of 8 bits a channel")
    return mode


def _check_png_chunks(encoded: bytes) -> None:
    # Pillow does not look at the checksum of the pixel data; TensorFlow does, and would stop the training.
    view = memoryview(encoded)
    position = len(PNG_SIGNATURE)
    kind = b""
    while position + 12 <= len(encoded) and kind != b"IEND":
        kind = encoded[position + 4 : position + 8]
        end = position + 8 + int.from_bytes(view[position : position + 4], "big")
        if zlib.crc32(view[position + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            raise UndecodableImage(f"the PNG chunk at byte {position} does not match its checksum")
        position = end + 4


def read_batches(examples: Examples, split: str, spec: ExampleSpec, size: int = 1_024) -> Iterator[Batch]:
    """The examples of `split` in record order, `size` at a time, the last batch perhaps smaller.

    Raises:
      BadData: A record is not what `spec` says, or a file is broken; names the record.
    """
    source = _labelled_images(examples, split, spec)
    while pairs := list(islice(source, size)):
        yield Batch(
            images=np.stack([image for image, _ in pairs]),
            labels=np.fromiter((label for _, label in pairs), np.int64, len(pairs)),
        )


def read_split(examples: Examples, split: str, spec: ExampleSpec) -> Batch:
    """All examples of `split` in memory, in record order.

    Raises:
      BadData: A record is not what `spec` says, or a file is broken; names the record.
    """
    batches = list(read_batches(examples, split, spec))
    if not batches:
        raise BadData(f"{examples.path}: split {split!r} has no records")
    return Batch(
        images=np.concatenate([batch.images for batch in batches]),
        labels=np.concatenate([batch.labels for batch in batches]),
    )


def _labelled_images(examples: Examples, split: str, spec: ExampleSpec) -> Iterator[tuple[Pixels, int]]:
    for shard in examples.split(split).shards:
        file = examples.path / shard.file
        places = RecordPlaces(file, shard)
        for number, record in enumerate(read_records(file)):
            try:
                yield _labelled_image(record, spec)
            except (UndecodableImage, ValueError) as error:
                raise BadData(f"{places.place(number)}: {error}") from error


def _labelled_image(record: bytes, spec: ExampleSpec) -> tuple[Pixels, int]:
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
    return _sized(decode_image(images[0]), spec.image), labels[0]


def _sized(pixels: Pixels, wanted: ImageFeature) -> Pixels:
    size = (wanted.height, wanted.width, wanted.channels)
    if pixels.shape != size:
        raise ValueError(f"{wanted.name}: wanted {shape_text(size)} pixels, got {shape_text(pixels.shape)}")
    return pixels


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape for people, such as `28 x 28 x 1`."""
    return " x ".join(map(str, shape))
