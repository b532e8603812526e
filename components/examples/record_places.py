"""Where the records of a shard came from, as their owner knows it.

Record N of a shard is record `first` + N of its source, unless one of two files beside the shard says otherwise:
`<shard>.sources.txt`, a line for each record that was a file of its own, or `<shard>.numbers.npy`, the records' numbers
in their source.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from slipline.components.artifacts import Shard

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class RecordPlaces:
    """The places of the records of one shard, looked up when one is asked for."""

    def __init__(self, file: Path, shard: Shard) -> None:
        """Of the shard that lies at `file`."""
        self._file = file
        self._shard = shard

    def place(self, number: int) -> str:
        """Where the record with that number in the shard came from, such as `digits.tfrecord record 7`."""
        file, record = self.source(number)
        return file if record is None else f"{file} record {record} (counted from 0)"

    def source(self, number: int) -> tuple[str, int | None]:
        """Its source file, and its number there; None if it is the whole file."""
        if self._sources is not None:
            return self._sources[number], None
        return self._shard.source, self._number(number)

    def keep(self, numbers: Sequence[int], file: Path) -> None:
        """Writes beside `file`, a shard of only these records of this one, where they came from."""
        if self._sources is not None:
            write_sources(file, [self._sources[number] for number in numbers])
        else:
            write_numbers(file, [self._number(number) for number in numbers])

    def _number(self, number: int) -> int:
        return int(self._numbers[number]) if self._numbers is not None else self._shard.first + number

    @cached_property
    def _sources(self) -> list[str] | None:
        listing = _beside(self._file, SOURCES)
        return listing.read_text("utf-8").splitlines() if listing.is_file() else None

    @cached_property
    def _numbers(self) -> NDArray[np.int64] | None:
        import numpy as np

        listing = _beside(self._file, NUMBERS)
        return np.load(listing) if listing.is_file() else None


SOURCES = ".sources.txt"
NUMBERS = ".numbers.npy"


def write_sources(file: Path, sources: Sequence[str]) -> None:
    """Says beside the shard `file` which file each of its records was."""
    _beside(file, SOURCES).write_text("".join(f"{source}\n" for source in sources), "utf-8")


def write_numbers(file: Path, numbers: Sequence[int]) -> None:
    """Says beside the shard `file` which number each of its records has in its source."""
    import numpy as np

    np.save(_beside(file, NUMBERS), np.asarray(numbers, np.int64))


def _beside(file: Path, suffix: str) -> Path:
    return file.with_name(file.name + suffix)
