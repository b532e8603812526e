"""Parquet files as a source of examples: a record for each row, a feature for each value that is not null."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from slipline.components.errors import BadData
from slipline.components.examples.example_records import FLOAT32_MAX, Cell, ValueKind, encode_cells
from slipline.components.files.file_systems import opened

ROWS_AT_ONCE = 1_000


@dataclass(frozen=True, kw_only=True)
class ParquetFile:
    """One Parquet file; record N is row N.

    Attributes:
      path: The file.
    """

    path: str

    def records(self) -> Iterator[bytes]:
        """One example for each row; integers and truth values are INT, floating-point numbers FLOAT, others BYTES.

        A list is several values; a null or an empty list is no feature.

        Raises:
          BadData: The file is no Parquet or is damaged, or a column is of a type that no feature can hold.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        with opened(self.path) as stream:
            try:
                table = pq.ParquetFile(stream, page_checksum_verification=True)
                _check_names(table.schema_arrow.names, self.path)
                columns = [_Column.of(field, self.path) for field in table.schema_arrow]
                for batch in table.iter_batches(ROWS_AT_ONCE):
                    lists = [column.cells(values) for column, values in zip(columns, batch.columns, strict=True)]
                    for row in zip(*lists, strict=True):
                        yield encode_cells(cell for cell in row if cell is not None)
            except (pa.ArrowException, OSError) as error:
                raise BadData(
                    f"{self.path}: cannot be read as Parquet ({(str(error).splitlines() or [''])[0]}); "
                    "restore the file from where it came"
                ) from error


@dataclass(frozen=True)
class _Column:
    """How one column becomes features."""

    name: str
    path: str
    kind: ValueKind
    is_list: bool
    convert: Callable[[Any], Any]

    @classmethod
    def of(cls, field: Any, path: str) -> _Column:
        import pyarrow as pa

        is_list = pa.types.is_list(field.type) or pa.types.is_large_list(field.type)
        is_list = is_list or pa.types.is_fixed_size_list(field.type)
        kind_and_convert = _kind(field.type.value_type if is_list else field.type)
        if kind_and_convert is None:
            raise BadData(
                f"{path}: column {field.name!r} holds {field.type}; wanted integers, truth values, floating-point "
                "numbers, text or bytes, or lists of them; convert the column or leave it out"
            )
        return cls(field.name, path, kind_and_convert[0], is_list, kind_and_convert[1])

    def cells(self, values: Any) -> list[Cell | None]:
        """A cell for each row; None where there is no value."""
        try:
            return [self._cell(value if self.is_list else [value]) for value in values.to_pylist()]
        except UnicodeDecodeError as error:  # which Arrow does not look for
            raise BadData(f"{self.path}: column {self.name!r}: wanted UTF-8 text, got {error.object!r}") from error

    def _cell(self, values: Sequence[Any] | None) -> Cell | None:
        if not values or (values[0] is None and not self.is_list):
            return None
        if None in values:
            raise BadData(f"{self.path}: column {self.name!r}: wanted lists of values, got a null within a list")
        if self.kind is ValueKind.INT and max(values) >= 2**63:
            raise BadData(f"{self.path}: column {self.name!r}: wanted integers below 2^63, got {max(values)}")
        if self.kind is ValueKind.FLOAT and (
            large := [value for value in values if FLOAT32_MAX < abs(value) < math.inf]
        ):
            raise BadData(f"{self.path}: column {self.name!r}: wanted numbers that float32 can hold, got {large[0]}")
        return Cell(self.name, self.kind, [self.convert(value) for value in values])


def _check_names(names: Sequence[str], path: str) -> None:
    twice = [name for name, columns in Counter(names).items() if columns > 1]
    if twice:
        raise BadData(f"{path}: wanted a different name for each column, got {twice[0]!r} twice; rename one")


def _kind(type_: Any) -> tuple[ValueKind, Callable[[Any], Any]] | None:
    """What values of an Arrow type become, and how; None if no feature can hold them."""
    from pyarrow import types

    if types.is_dictionary(type_):  # such as a category of pandas
        return _kind(type_.value_type)
    if types.is_integer(type_) or types.is_boolean(type_):
        return ValueKind.INT, int
    if types.is_floating(type_):
        return ValueKind.FLOAT, float
    if types.is_string(type_) or types.is_large_string(type_) or types.is_null(type_):
        return ValueKind.BYTES, str.encode
    if types.is_binary(type_) or types.is_large_binary(type_) or types.is_fixed_size_binary(type_):
        return ValueKind.BYTES, bytes
    return None
