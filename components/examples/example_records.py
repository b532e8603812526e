"""Records of examples: how the features of one are written, and read without a look at what they hold."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from slipline.serving.wire.example_pb2 import Example

FLOAT32_MAX = 3.4028234663852886e38
"""A `tf.Example` would hold infinity in place of a greater number."""


class ValueKind(enum.Enum):
    """What a feature's values are, int64, float32 or bytes, by the field of `Feature` that holds them."""

    INT = "int64_list"
    FLOAT = "float_list"
    BYTES = "bytes_list"


@dataclass(frozen=True, slots=True)
class Cell:
    """The values of one feature of one record.

    Attributes:
      name: The feature's.
      kind: What the values are.
      values: All int, all float or all bytes, as the kind says.
    """

    name: str
    kind: ValueKind
    values: Sequence[Any]


def encode_cells(cells: Iterable[Cell]) -> bytes:
    """One serialized `tf.Example`, its features in name order."""
    example = Example()
    features = example.features.feature
    for cell in cells:
        getattr(features[cell.name], cell.kind.value).value.extend(cell.values)
    return example.SerializeToString(deterministic=True)


def encode_example(image: bytes, label: int) -> bytes:
    """One serialized `tf.Example` with the features `image` (encoded image) and `label`."""
    return encode_cells([Cell("image", ValueKind.BYTES, [image]), Cell("label", ValueKind.INT, [label])])


def parse_example(record: bytes) -> Example | None:
    """The record as a `tf.Example`; None if it is none."""
    try:
        return Example.FromString(record)
    except DecodeError:
        return None
