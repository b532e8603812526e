"""A tiny made-up table of wines as CSV and as Parquet: integers, numbers, text, and cells without a value."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

COLUMNS = ("quality", "alcohol", "sugar", "colour", "grape")


@dataclass(frozen=True)
class Wine:
    """One wine; None where nobody measured."""

    quality: int
    alcohol: float
    sugar: float | None
    colour: str
    grape: str | None

    @property
    def cells(self) -> tuple[int | float | str | None, ...]:
        """Its values in the order of the columns."""
        return (self.quality, self.alcohol, self.sugar, self.colour, self.grape)


def wines(count: int, seed: int = 1) -> list[Wine]:
    """Wines like no others; every seventh lacks its sugar, every fifth its grape."""
    rng = random.Random(seed)
    return [
        Wine(
            quality=rng.randint(3, 8),
            alcohol=rng.choice((9, 9.5, 10, 11.25)),  # whole numbers, too, as tables have them
            sugar=None if number % 7 == 0 else round(rng.uniform(0.5, 20), 2),
            colour=rng.choice(("red", "white")),
            grape=None if number % 5 == 0 else rng.choice(("Grüner Veltliner", "Syrah", 'called "noir", Pinot')),
        )
        for number in range(count)
    ]


def write_csv(file: Path, rows: Sequence[Wine]) -> Path:
    """The wines as a CSV file with a header."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        writer.writerows(row.cells for row in rows)
    return file


def write_parquet(file: Path, rows: Sequence[Wine]) -> Path:
    """The same wines as a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = (pa.int64(), pa.float64(), pa.float64(), pa.string(), pa.string())
    cells = list(zip(*(row.cells for row in rows), strict=True))
    columns = {name: pa.array(values, kind) for name, kind, values in zip(COLUMNS, kinds, cells, strict=True)}
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), file)
    return file
