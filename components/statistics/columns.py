"""Records as columns: one pass over them, then all work is done on arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from slipline.components.examples.example_records import parse_example

Array: TypeAlias = NDArray[Any]

INTEGERS, FLOATS, BYTES, NO_VALUES = "int64_list", "float_list", "bytes_list", ""
TYPES: Mapping[str, type[np.generic]] = {
    INTEGERS: np.int64,
    FLOATS: np.float32,
    BYTES: np.object_,
    NO_VALUES: np.object_,
}


@dataclass(frozen=True)
class Column:
    """The values of one feature that are of one type.

    Attributes:
      rows: int64 of shape [r]: the records that have them, by number in rising order.
      lengths: int64 of shape [r]: how many values each has.
      values: Shape [sum of lengths]: int64, float32, or `bytes` objects.
    """

    rows: NDArray[np.int64]
    lengths: NDArray[np.int64]
    values: Array

    @property
    def value_rows(self) -> NDArray[np.int64]:
        """int64 of shape [values]: the record of each value."""
        return np.repeat(self.rows, self.lengths)


@dataclass(frozen=True)
class Columns:
    """Some records.

    Attributes:
      records: How many.
      not_examples: int64: those that are no `tf.Example`, by number.
      columns: By name of the feature and field of `Feature`, such as `int64_list`; empty for a feature without any.
    """

    records: int
    not_examples: NDArray[np.int64]
    columns: Mapping[tuple[str, str], Column]


@dataclass(frozen=True)
class _Cells:
    rows: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def column(self, kind: str) -> Column:
        values = np.empty(len(self.values), TYPES[kind])
        values[:] = self.values
        return Column(np.array(self.rows, np.int64), np.array(self.lengths, np.int64), values)


def read_columns(records: Sequence[bytes]) -> Columns:
    """The columns of serialized records."""
    found: dict[tuple[str, str], _Cells] = {}
    not_examples: list[int] = []
    for row, record in enumerate(records):
        example = parse_example(record)
        if example is None:
            not_examples.append(row)
            continue
        features = example.features.feature
        for name in features:
            feature = features[name]
            kind = feature.WhichOneof("kind") or NO_VALUES
            cells = found.get((name, kind))
            if cells is None:
                cells = found[name, kind] = _Cells()
            values: Sequence[Any] = getattr(feature, kind).value if kind else ()
            cells.rows.append(row)
            cells.lengths.append(len(values))
            if len(values) == 1:  # as nearly all have; extending costs more
                cells.values.append(values[0])
            else:
                cells.values.extend(values)
    columns = {(name, kind): cells.column(kind) for (name, kind), cells in found.items()}
    return Columns(len(records), np.array(not_examples, np.int64), columns)
