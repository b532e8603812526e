"""Writes flatbuffers' tables from plain values, for schemas without generated classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from flatbuffers import Builder  # type: ignore[import-untyped]

Table: TypeAlias = Mapping[int, Any]
"""A table's fields by position, as the schema counts them; those left out have their defaults.

A field is text, a number of one byte such as an enum or the type of a union (`np.int8`), one of four from 0
(`np.uint32`), a vector of numbers (an array of float32), another table, or a tuple of tables.
"""


def serialized(root: Table, identifier: bytes) -> bytes:
    """A flatbuffer of `root`, with its schema's file identifier of four bytes."""
    from flatbuffers import Builder

    builder = Builder(1024)
    builder.Finish(_table(builder, root), identifier)
    return bytes(builder.Output())


def _table(builder: Builder, table: Table) -> int:
    """Where the table lies; what it points to is written first, as flatbuffers want it."""
    places = {at: _pointed_to(builder, field) for at, field in table.items()}
    builder.StartObject(max(table, default=-1) + 1)
    for at, field in table.items():
        if isinstance(field, np.int8):
            builder.PrependInt8Slot(at, int(field), 0)
        elif isinstance(field, np.uint32):
            builder.PrependUint32Slot(at, int(field), 0)
        else:
            builder.PrependUOffsetTRelativeSlot(at, places[at], 0)
    return int(builder.EndObject())


def _pointed_to(builder: Builder, field: Any) -> int:
    """Where a field's value lies; 0 for one that lies in the table itself."""
    if isinstance(field, str):
        return int(builder.CreateString(field))
    if isinstance(field, Mapping):
        return _table(builder, field)
    if isinstance(field, np.ndarray):
        return int(builder.CreateNumpyVector(field))
    if isinstance(field, tuple):
        places = [_table(builder, table) for table in field]
        builder.StartVector(4, len(places), 4)
        for place in reversed(places):
            builder.PrependUOffsetTRelative(place)
        return int(builder.EndVector())
    return 0
