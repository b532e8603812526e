"""CSV files as a source of examples: a record for each row, a feature for each cell that is not empty.

The files are UTF-8 with a header; a comma, semicolon or tab parts the cells, whichever the header has most of.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO

from slipline.components.errors import BadData
from slipline.components.examples.example_records import FLOAT32_MAX, Cell, ValueKind, encode_cells
from slipline.components.files.file_systems import opened

INTEGER = re.compile(r"[+-]?[0-9]{1,100}")  # of thousands of digits, Python makes no number
INT64 = range(-(2**63), 2**63)
MOST_CELL_CHARACTERS = 1 << 24
"""A quote that is never closed would take the rest of a file into memory."""

DELIMITERS = ",;\t"
BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, kw_only=True)
class CsvFile:
    """One CSV file, plain or gzip-compressed; record N is row N, the first after the header being row 0.

    Attributes:
      path: The file.
      kinds: What the columns of all files hold; a cell that does not fit is kept as bytes. A column not named here
        holds bytes.
    """

    path: str
    kinds: tuple[tuple[str, ValueKind], ...] = ()

    def records(self) -> Iterator[bytes]:
        """One example for each row.

        Raises:
          BadData: The file is no CSV; names the line.
        """
        kinds = dict(self.kinds)
        with opened(self.path) as stream:
            header, rows = read_table(stream, self.path)
            columns = [(name, kinds.get(name, ValueKind.BYTES)) for name in header]
            for row in rows:
                cells = zip(columns, row, strict=True)
                yield encode_cells(_cell(name, kind, text) for (name, kind), text in cells if not is_empty(text))


def integer(text: str) -> int | None:
    """The int64 that a cell holds, or None."""
    text = text.strip()
    if not INTEGER.fullmatch(text):
        return None
    value = int(text)
    return value if value in INT64 else None


def number(text: str) -> float | None:
    """The number that a cell holds, if float32 reaches as far, or None; `nan` and `inf` are numbers."""
    if "_" in text:  # Python reads 1_000; nobody means it in a table
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    is_too_large = abs(value) > FLOAT32_MAX and "inf" not in text.lower()  # Python reads 1e400 as infinity
    return None if is_too_large else value


def is_empty(text: str) -> bool:
    """Whether a cell holds nothing."""
    return not text or text.isspace()


def read_table(stream: BinaryIO, path: str) -> tuple[list[str], Iterator[list[str]]]:
    """The column names of an open CSV file, and its rows as they come, each with as many cells.

    Raises:
      BadData: The file is no CSV; names the line.
    """
    lines = _lines(stream, path)
    first = next(lines, "").removeprefix(BYTE_ORDER_MARK)
    delimiter = max(DELIMITERS, key=first.count)
    rows = _rows(chain([first], lines), delimiter, path)
    header = [name.strip() for name in next(rows, (0, []))[1]] if first.strip() else []
    if not header or "" in header or len(set(header)) < len(header):
        got = delimiter.join(header) if any(header) else "none"
        raise BadData(f"{path}: line 1: wanted a header with a different name for each column, got {got}")
    return header, _checked(rows, header, path)


def _cell(name: str, kind: ValueKind, text: str) -> Cell:
    if kind is ValueKind.INT and (whole := integer(text)) is not None:
        return Cell(name, ValueKind.INT, [whole])
    if kind is ValueKind.FLOAT and (value := number(text)) is not None:
        return Cell(name, ValueKind.FLOAT, [value])
    return Cell(name, ValueKind.BYTES, [text.encode()])


def _checked(rows: Iterator[tuple[int, list[str]]], header: list[str], path: str) -> Iterator[list[str]]:
    for line, row in rows:
        if len(row) != len(header):
            raise BadData(
                f"{path}: line {line}: wanted {len(header)} cells, as the header has, got {len(row)}; "
                "mend the line, or quote the cells that hold a delimiter"
            )
        yield row


def _rows(lines: Iterator[str], delimiter: str, path: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank, with the number of the line it ends on, from 1."""
    csv.field_size_limit(MOST_CELL_CHARACTERS)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise BadData(f"{path}: line {reader.line_num}: no CSV: {error}; mend the line") from error


def _lines(stream: BinaryIO, path: str) -> Iterator[str]:
    for line_number, line in enumerate(stream, 1):
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            raise BadData(
                f"{path}: line {line_number}: wanted UTF-8 text, got byte 0x{line[error.start]:02x} at column "
                f"{error.start}; save the file as UTF-8"
            ) from error
