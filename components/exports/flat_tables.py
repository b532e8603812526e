"""Writes flatbuffers' tables from plain values, for schemas without generated classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from flatbuffers import Builder  # type: ignore[import-untyped]


@dataclass(frozen=True)
class Byte:
    """A number of one byte, such as an enum or the type of a union."""

    number: int


@dataclass(frozen=True)
class Uint:
    """A number of four bytes, from 0."""

    number: int


@dataclass(frozen=True)
class Floats:
    """A vector of float32."""

    numbers: tuple[float, ...]


@dataclass(frozen=True)
class Table:
    """A table: its fields by position, as the schema counts them; those left out have their defaults."""

    fields: Mapping[int, Field]


Field = Union[str, Byte, Uint, Floats, Table, tuple[Table, ...]]  # noqa: UP007  (Table stands in quotes until declared)


def serialized(root: Table, identifier: bytes) -> bytes:
    """A flatbuffer of `root`, with its schema's file identifier of four bytes."""
    from flatbuffers import Builder

    builder = Builder(1024)
    builder.Finish(_table(builder, root), identifier)
    return bytes(builder.Output())


def _table(builder: Builder, table: Table) -> int:
    """Where the table lies; what it points to is written first, as flatbuffers want it."""
    places = {at: _pointed_to(builder, field) for at, field in table.fields.items()}
    builder.StartObject(max(table.fields, default=-1) + 1)
    for at, field in table.fields.items():
        if isinstance(field, Byte):
            builder.PrependInt8Slot(at, field.number, 0)
        elif isinstance(field, Uint):
            builder.PrependUint32Slot(at, field.number, 0)
        else:
            builder.PrependUOffsetTRelativeSlot(at, places[at], 0)
    return int(builder.EndObject())


def _pointed_to(builder: Builder, field: Field) -> int:
    """Where a field's value lies; 0 for one that lies in the table itself."""
    if isinstance(field, str):
        return int(builder.CreateString(field))
    if isinstance(field, Table):
        return _table(builder, field)
    if isinstance(field, Floats):
        builder.StartVector(4, len(field.numbers), 4)
        for number in reversed(field.numbers):
            builder.PrependFloat32(number)
        return int(builder.EndVector())
    if isinstance(field, tuple):
        places = [_table(builder, table) for table in field]
        builder.StartVector(4, len(places), 4)
        for place in reversed(places):
            builder.PrependUOffsetTRelative(place)
        return int(builder.EndVector())
    return 0
