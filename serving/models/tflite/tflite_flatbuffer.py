"""What LiteRT's interpreter does not tell of a TFLite model, read from its flatbuffer: metadata and operations.

The generated classes for TFLite's schema take longer to import than a model to load, so its few fields are read by
number: https://github.com/google-ai-edge/LiteRT/blob/main/tflite/schema/schema.fbs
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from slipline.serving.errors import LoadFailed

if TYPE_CHECKING:
    from flatbuffers.table import Table  # type: ignore[import-untyped]

# Positions of fields: of Model, OperatorCode, Metadata and Buffer.
_OPERATOR_CODES, _BUFFERS, _METADATA = 1, 4, 6
_DEPRECATED_CODE, _CODE = 0, 3
_METADATA_NAME, _METADATA_BUFFER = 0, 1
_BUFFER_DATA = 0


def metadata(content: bytes, name: str) -> bytes | None:
    """The metadata entry called `name`; None if the model has no such entry.

    Raises:
      LoadFailed: The flatbuffer is corrupt.
    """
    from flatbuffers import number_types  # type: ignore[import-untyped]

    with _corruption_reported():
        model = _root(content)
        for entry in _tables(model, _METADATA):
            place = _offset(entry, _METADATA_NAME)
            if place and entry.String(place) == name.encode():
                place = _offset(entry, _METADATA_BUFFER)
                index = entry.Get(number_types.Uint32Flags, place) if place else 0
                return _data(list(_tables(model, _BUFFERS))[index])
    return None


def operations(content: bytes) -> set[int]:
    """The numbers of all built-in operations in any of the model's graphs.

    Raises:
      LoadFailed: The flatbuffer is corrupt.
    """
    from flatbuffers import number_types

    found = set()
    with _corruption_reported():
        for operator in _tables(_root(content), _OPERATOR_CODES):
            # Numbers up to 126 lie in a byte, where old converters put them, too.
            old, new = _offset(operator, _DEPRECATED_CODE), _offset(operator, _CODE)
            code = operator.Get(number_types.Int8Flags, old) if old else 0
            found.add(max(code, operator.Get(number_types.Int32Flags, new) if new else 0))
    return found


@contextmanager
def _corruption_reported() -> Iterator[None]:
    try:
        yield
    except (LookupError, OverflowError, TypeError, ValueError, struct.error) as error:
        raise LoadFailed(f"cut off or corrupt, it is no TFLite model ({error}); copy it again") from error


def _root(content: bytes) -> Table:
    from flatbuffers import encode, number_types, table

    return table.Table(content, encode.Get(number_types.UOffsetTFlags.packer_type, content, 0))


def _offset(table: Table, field: int) -> int:
    """Where a field of a table lies; 0 if the table does not have it."""
    place = table.Offset(4 + 2 * field)
    return int(table.Pos + place) if place else 0


def _tables(parent: Table, field: int) -> Iterator[Table]:
    """The tables in a field that is a list of such."""
    from flatbuffers.table import Table

    place = _offset(parent, field)
    if place:
        begin = parent.Vector(place - parent.Pos)
        for position in range(parent.VectorLen(place - parent.Pos)):
            yield Table(parent.Bytes, parent.Indirect(begin + 4 * position))


def _data(buffer: Table) -> bytes:
    place = _offset(buffer, _BUFFER_DATA)
    if not place:
        return b""
    begin, size = buffer.Vector(place - buffer.Pos), buffer.VectorLen(place - buffer.Pos)
    return bytes(buffer.Bytes[begin : begin + size])
