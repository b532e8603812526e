"""Decides what the columns of CSV files hold, by all rows of all files: a pass of its own before they are read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path

from slipline.components.beam.beam_options import BeamSettings
from slipline.components.beam.jobs import map_jobs
from slipline.components.examples.example_records import ValueKind
from slipline.components.files.file_systems import is_remote, opened, set_options
from slipline.components.sources.csv_source import integer, is_empty, number, read_table
from slipline.components.statistics.merging import Merging, together

BYTES_PER_S = 5e6
"""What one process looks through, roughly."""


@dataclass(frozen=True)
class ColumnTally(Merging):
    """What the cells of one column are.

    Attributes:
      cells: Those that are not empty.
      integers: Those of them that are int64.
      numbers: Those of them that are numbers, integers too.
    """

    cells: int = 0
    integers: int = 0
    numbers: int = 0

    @property
    def kind(self) -> ValueKind:
        """Numbers if most of the cells are; integers only if all the numbers are, as 7 may stand for 7.0."""
        if 2 * self.numbers <= self.cells:
            return ValueKind.BYTES
        return ValueKind.INT if self.integers == self.numbers else ValueKind.FLOAT


def column_kinds(
    paths: Sequence[str], beam: BeamSettings, folder: Path, size_bytes: int
) -> tuple[tuple[str, ValueKind], ...]:
    """What each column holds, sorted by name.

    Args:
      paths: The CSV files, which need not have the same columns.
      beam: Where Beam runs, and how remote files are reached.
      folder: A folder that every worker can write.
      size_bytes: What the files take in all.

    Raises:
      BadData: A file is no CSV; names the line.
    """
    alone_s = size_bytes / BYTES_PER_S
    return merged_kinds(map_jobs(beam, paths, partial(tally_columns, beam=beam), folder, names=paths, alone_s=alone_s))


def tally_columns(path: str, beam: BeamSettings) -> dict[str, ColumnTally]:
    """By column, what the cells of a CSV file are.

    Args:
      path: The file.
      beam: How it is reached if it is remote.

    Raises:
      BadData: The file is no CSV; names the line.
    """
    if is_remote(path):
        set_options(beam)
    with opened(path) as stream:
        header, rows = read_table(stream, path)
        cells, integers, numbers = ([0] * len(header) for _ in range(3))
        for row in rows:
            for column, text in enumerate(row):
                if not is_empty(text):
                    cells[column] += 1
                    integers[column] += integer(text) is not None
                    numbers[column] += number(text) is not None
    return {name: ColumnTally(*counts) for name, *counts in zip(header, cells, integers, numbers, strict=True)}


def merged_kinds(tallies: Iterable[dict[str, ColumnTally]]) -> tuple[tuple[str, ValueKind], ...]:
    """What each column holds, by the tallies of all files in any order; sorted by name."""
    total: dict[str, ColumnTally] = reduce(together, tallies, {})
    return tuple((name, total[name].kind) for name in sorted(total))
