"""Tabular records in small: any features of any type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from slipline.components.statistics.columns import read_columns
from slipline.components.statistics.feature_statistics import SplitSummary, summarise_columns
from slipline.components.statistics.groups import Groups
from slipline.serving.wire.example_pb2 import Example

Cell = int | float | str | bytes | Sequence[int | float | str | bytes] | None


def record_of(cells: Mapping[str, Cell]) -> bytes:
    """A serialized `tf.Example` of one value, or several, a feature; None leaves the feature out."""
    example = Example()
    for name, cell in cells.items():
        if cell is None:
            continue
        feature = example.features.feature[name]
        values = list(cell) if isinstance(cell, (list, tuple)) else [cell]
        if all(isinstance(value, int) for value in values):
            feature.int64_list.value.extend(values)
        elif all(isinstance(value, float) for value in values):
            feature.float_list.value.extend(values)
        else:
            feature.bytes_list.value.extend(value.encode() if isinstance(value, str) else value for value in values)
    return example.SerializeToString(deterministic=True)


def summary_of(records: Sequence[bytes]) -> SplitSummary:
    """The summary of serialized records."""
    columns = read_columns(records)
    return summarise_columns(columns, [Groups.undivided(columns.records)])[0][0][""]
