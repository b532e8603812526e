"""The images that the report shows: a few of each label, and single records by number."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slipline.components.artifacts import Examples, Shard
from slipline.components.examples.example_records import parse_example
from slipline.components.examples.record_places import RecordPlaces
from slipline.components.features.decode_images import UndecodableImage, decode_image, looks_like_image
from slipline.components.features.png_rows import PNG_SIGNATURE
from slipline.components.features.schema_io import ExampleSpec
from slipline.components.files.tfrecord_files import read_records

PER_LABEL = 3
LOOKED_AT_RECORDS = 100_000
"""Where to stop looking for a label that hardly occurs; a tenth of a second's reading."""

LOOKED_AT_FIRST = 100
INLINE_BYTES = 8_192
LARGEST_SIDE_PIXELS = 160


@dataclass(frozen=True, kw_only=True)
class RecordPicture:
    """The image of one record.

    Attributes:
      uri: A `data:` URI; None if the record holds no readable image.
      place: Where it was read from, in few words; see `place_of`.
      file: The source file, as its owner knows it.
    """

    uri: str | None
    place: str
    file: str


def samples_by_label(examples: Examples, split: str, spec: ExampleSpec) -> dict[int, tuple[str | None, ...]]:
    """The first few images of each label in the split, as `data:` URIs, by label.

    A label outside the schema's, or a record that lacks either feature, is passed over: that is for the anomalies.
    """
    found: dict[int, list[str | None]] = {label: [] for label in range(spec.label.classes)}
    wanted = PER_LABEL * len(found)
    for number, (_, _, record) in enumerate(_records(examples, split)):
        if wanted == 0 or number == LOOKED_AT_RECORDS:
            break
        encoded, label = _image_and_label(record, spec)
        if encoded is not None and len(found.get(label, range(PER_LABEL))) < PER_LABEL:
            found[label].append(data_uri(encoded))
            wanted -= 1
    return {label: tuple(pictures) for label, pictures in found.items() if pictures}


def pictures_of(
    examples: Examples, split: str, numbers: Collection[int], spec: ExampleSpec
) -> dict[int, RecordPicture]:
    """The images of the records with these numbers, counted from 0 over the whole split."""
    left = set(numbers)
    found: dict[int, RecordPicture] = {}
    for number, (shard, position, record) in enumerate(_records(examples, split)):
        if not left:
            break
        if number in left:
            left.remove(number)
            encoded, _ = _image_and_label(record, spec)
            place, file = place_of(examples, shard, position)
            found[number] = RecordPicture(uri=data_uri(encoded or b""), place=place, file=file)
    return found


def data_uri(encoded: bytes) -> str | None:
    """A PNG or JPEG image as a `data:` URI, made smaller if it is large; None if it is no whole image of these."""
    if not looks_like_image(encoded):
        return None
    try:
        pixels = decode_image(encoded)
    except UndecodableImage:
        return None
    if len(encoded) > INLINE_BYTES:
        return pixels_uri(pixels)
    return _uri(encoded, "png" if encoded.startswith(PNG_SIGNATURE) else "jpeg")


def picture_in(record: bytes) -> str | None:
    """The first image in a serialized record, as a `data:` URI; None if it has none that decodes."""
    example = parse_example(record)
    if example is None:
        return None
    features = (feature for _, feature in sorted(example.features.feature.items()))
    uris = (data_uri(value) for feature in features for value in feature.bytes_list.value)
    return next(filter(None, uris), None)


def pixels_uri(pixels: NDArray[np.uint8]) -> str:
    """An image, uint8 [height, width, channels], as a `data:` URI."""
    return _uri(_png(pixels), "png")


def first_pictures(examples: Examples, split: str, most: int) -> tuple[str, ...]:
    """The images of the first records of a split that have one, as `data:` URIs, whatever the feature is called."""
    records = (record for _, _, record in islice(_records(examples, split), LOOKED_AT_FIRST))
    return tuple(islice((uri for record in records if (uri := picture_in(record))), most))


def _png(pixels: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    image.thumbnail((LARGEST_SIDE_PIXELS, LARGEST_SIDE_PIXELS))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def _uri(encoded: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(encoded).decode()}"


def _records(examples: Examples, split: str) -> Iterator[tuple[Shard, int, bytes]]:
    for shard in examples.split(split).shards:
        for position, record in enumerate(read_records(examples.path / shard.file)):
            yield shard, position, record


def _image_and_label(record: bytes, spec: ExampleSpec) -> tuple[bytes | None, int]:
    example = parse_example(record)
    if example is None:
        return None, -1
    images = example.features.feature[spec.image.name].bytes_list.value
    labels = example.features.feature[spec.label.name].int64_list.value
    return (images[0] if images else None), (labels[0] if labels else -1)


def place_of(examples: Examples, shard: Shard, position: int) -> tuple[str, str]:
    """Where a record was read from: in few words, such as `digits.tfrecord record 7`, and the file."""
    file, record = RecordPlaces(examples.path / shard.file, shard).source(position)
    name = Path(file).name
    return name if record is None else f"{name} record {record}", file


def place_name(place: str) -> str:
    """A record's place without the folder of its file, such as `digits.tfrecord record 7`."""
    return Path(place).name.removesuffix(" (counted from 0)")
