"""How a row of a table becomes a `tf.Example`: a feature for each cell that is not empty."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from slipline.serving.wire.example_pb2 import Example

FLOAT32_MAX = 3.4028234663852886e38
"""A `tf.Example` would hold infinity in place of a greater number."""


class ValueKind(enum.Enum):
    """What a feature's values are: int64, float32 or bytes."""

    INT = "INT"
    FLOAT = "FLOAT"
    BYTES = "BYTES"


@dataclass(frozen=True, slots=True)
class Cell:
    """The values of one feature of one row.

    Attributes:
      name: The column's.
      kind: What the values are.
      values: All int, all float or all bytes, as the kind says.
    """

    name: str
    kind: ValueKind
    values: Sequence[Any]


def encode_row(cells: Iterable[Cell]) -> bytes:
    """One serialized `tf.Example`, its features in name order."""
    example = Example()
    features = example.features.feature
    for cell in cells:
        feature = features[cell.name]
        if cell.kind is ValueKind.INT:
            feature.int64_list.value.extend(cell.values)
        elif cell.kind is ValueKind.FLOAT:
            feature.float_list.value.extend(cell.values)
        else:
            feature.bytes_list.value.extend(cell.values)
    return example.SerializeToString(deterministic=True)
