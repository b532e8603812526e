"""Records with the same content: counted within each split and between splits, without holding the data in memory.

The digests of a shard's records lie in a file, sorted, so that all contents whose digests fall into one range are one
slice of every file. The ranges are counted one by one, or side by side on Beam; each takes about the same memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from slipline.components.artifacts import CopyCount, Statistics
from slipline.components.beam.beam_options import BeamSettings
from slipline.components.beam.jobs import map_jobs
from slipline.components.errors import BadData
from slipline.components.examples.example_records import parse_example
from slipline.serving.folders.whole_file import replaced

Digests: TypeAlias = NDArray[np.uint64]
Numbers: TypeAlias = NDArray[np.int64]

FILE = "duplicates.json"
SHOWN = 10
# A range of so many different contents takes some 200 MB while it is counted.
CONTENTS_PER_RANGE = 1_000_000
COLUMNS = 5  # of a file of digests: high half, low half, first record, first repeat (or that record again), records


@dataclass(frozen=True, kw_only=True, order=True)
class Place:
    """A record: its number in its shard, and the shard's number in its split, both from 0."""

    shard: int
    record: int


@dataclass(frozen=True, kw_only=True, order=True)
class Copy:
    """A record, and the first record of the same content."""

    record: Place
    of: Place


@dataclass(frozen=True, kw_only=True)
class Copies:
    """The records of a split whose content stands also elsewhere.

    Attributes:
      split: Whose records they are.
      of: The split where their content stands too. If it is the same one, the first record of each content is not
        counted; else all are: leaks from a split that comes earlier.
      records: How many.
      first: Some of them, the first record of each content, in order.
    """

    split: str
    of: str
    records: int
    first: tuple[Copy, ...]

    def merge(self, other: Copies) -> Copies:
        """Those of both, found among different contents."""
        first = tuple(sorted({*self.first, *other.first})[:SHOWN])
        return Copies(split=self.split, of=self.of, records=self.records + other.records, first=first)


@dataclass(frozen=True, kw_only=True)
class Duplicates:
    """All copies: of each split within itself, and from each earlier split.

    Attributes:
      copies: By split, in the order of the splits; for each the earlier splits and then itself.
    """

    copies: tuple[Copies, ...]

    @property
    def counts(self) -> tuple[CopyCount, ...]:
        """How many there are of each."""
        return tuple(CopyCount(split=each.split, of=each.of, records=each.records) for each in self.copies)

    def merge(self, other: Duplicates) -> Duplicates:
        """Those of both, found among different contents of the same splits."""
        return Duplicates(copies=tuple(map(Copies.merge, self.copies, other.copies)))


def record_digests(records: Sequence[bytes]) -> Digests:
    """128 bits of blake2b over each record, uint64 of shape [records, 2], whatever the order of its features."""
    digests = b"".join(hashlib.blake2b(_content(record), digest_size=16).digest() for record in records)
    return np.frombuffer(digests, "<u8").reshape(-1, 2)


def _content(record: bytes) -> bytes:
    example = parse_example(record)
    return record if example is None else example.SerializeToString(deterministic=True)


def write_digests(file: Path, digests: Digests) -> None:
    """Writes the digests of one shard for `count_duplicates`.

    Args:
      file: New, or written over at once as a whole.
      digests: Shape [records, 2], in record order; zeros for a record without content, which is no copy of any.
    """
    numbers = np.flatnonzero(digests.any(axis=1))
    order = np.lexsort((digests[numbers, 1], digests[numbers, 0]))  # equal ones stay in record order
    numbers = numbers[order]
    high, low = digests[numbers].T
    starts = np.flatnonzero(_differs(high, low))
    counts = np.diff(starts, append=len(numbers))
    columns = (high[starts], low[starts], numbers[starts], numbers[starts + (counts > 1)], counts)
    with replaced(file) as aside, aside.open("wb") as stream:
        np.save(stream, np.array(columns, np.uint64))


def count_duplicates(files: Mapping[str, Sequence[Path]], beam: BeamSettings, folder: Path) -> Duplicates:
    """Finds all records that have the same content.

    Args:
      files: What `write_digests` wrote: for each split, in their order, a file for each of its shards.
      beam: Where Beam runs, if there is more than one range to count.
      folder: A folder that every worker can write.

    Raises:
      BadData: A file is gone or damaged.
    """
    splits = tuple((split, tuple(shards)) for split, shards in files.items())
    contents = sum(_columns(file).shape[1] for _, shards in splits for file in shards)
    ranges = 1 + contents // CONTENTS_PER_RANGE
    count = partial(count_range, splits=splits, ranges=ranges)
    if ranges == 1:  # starting Beam takes longer
        return count(0)
    names = [f"range {number} of the digests" for number in range(ranges)]
    return reduce(Duplicates.merge, map_jobs(beam, range(ranges), count, folder, names=names))


def count_range(number: int, splits: Sequence[tuple[str, Sequence[Path]]], ranges: int) -> Duplicates:
    """The copies among the contents whose digests fall into one of equal ranges.

    Args:
      number: Of the range, from 0.
      splits: Their names and files of digests.
      ranges: How many there are.

    Raises:
      BadData: A file is gone or damaged.
    """
    parts = [
        (split, shard, _read_range(file, number, ranges))
        for split, (_, files) in enumerate(splits)
        for shard, file in enumerate(files)
    ]
    columns = np.concatenate([np.zeros((COLUMNS, 0), np.uint64), *(part for *_, part in parts)], axis=1)
    sizes = [part.shape[1] for *_, part in parts]
    places = np.array([place for *place, _ in parts], np.int64).reshape(-1, 2)
    lines = _Lines.of(columns, *np.repeat(places, sizes, axis=0).T)
    names = [name for name, _ in splits]
    return Duplicates(
        copies=tuple(
            lines.repeats(later, name) if earlier == later else lines.leaks((earlier, later), (names[earlier], name))
            for later, name in enumerate(names)
            for earlier in range(later + 1)
        )
    )


def _read_range(file: Path, number: int, ranges: int) -> Digests:
    columns = _columns(file)
    start, stop = (_bound(columns[0], edge, ranges) for edge in (number, number + 1))
    return columns[:, start:stop]


def _columns(file: Path) -> Digests:
    """What `write_digests` wrote, uint64 of shape [COLUMNS, contents], read where it is touched."""
    try:
        columns: Digests = np.load(file, mmap_mode="r")
        if columns.ndim != 2 or len(columns) != COLUMNS or columns.dtype != np.uint64:
            raise ValueError(f"an array of {columns.dtype} and shape {columns.shape}")
    except (OSError, ValueError, EOFError) as error:
        raise BadData(f"{file}: wanted digests of records, got: {error}; compute the statistics again") from error
    return columns


def _bound(high: Digests, number: int, ranges: int) -> int:
    return len(high) if number == ranges else int(np.searchsorted(high, np.uint64((number << 64) // ranges)))


class _Lines(NamedTuple):
    """A line for each content in each split, the lines of one content one after the other.

    Attributes:
      content: Its number.
      split: The split's number.
      records: How many records of the split have that content.
      first: Shape [lines, 2]: shard and number of the first of them.
      again: The same of the second of them, or of any record if there is none.
    """

    content: Numbers
    split: Numbers
    records: Numbers
    first: Numbers
    again: Numbers

    @classmethod
    def of(cls, columns: Digests, splits: Numbers, shards: Numbers) -> _Lines:
        """The lines of what stands in files of digests, given in the order of splits and shards."""
        order = np.lexsort((columns[1], columns[0]))  # which keeps the order within a content
        high, low = columns[:2, order]
        first, again, records = columns[2:, order].astype(np.int64)
        split, shard = splits[order], shards[order]
        content: Numbers = np.cumsum(_differs(high, low))
        starts = np.flatnonzero((np.diff(content, prepend=0) != 0) | (np.diff(split, prepend=-1) != 0))
        # The second record stands in the same shard, or is the first of the next one.
        second = np.where(records[starts] > 1, starts, np.minimum(starts + 1, len(order) - 1))
        return cls(
            content=content[starts],
            split=split[starts],
            records=np.add.reduceat(records, starts) if len(starts) else records,
            first=np.stack([shard[starts], first[starts]], axis=1),
            again=np.stack([shard[second], np.where(second == starts, again[second], first[second])], axis=1),
        )

    def repeats(self, split: int, name: str) -> Copies:
        """The records that repeat an earlier one of the same split."""
        lines = np.flatnonzero((self.split == split) & (self.records > 1))
        records = int((self.records[lines] - 1).sum())
        return Copies(split=name, of=name, records=records, first=_first(self.again[lines], self.first[lines]))

    def leaks(self, splits: tuple[int, int], names: tuple[str, str]) -> Copies:
        """The records of the second split whose content stands in the first one too."""
        earlier, later = (np.flatnonzero(self.split == split) for split in splits)
        _, of, copies = np.intersect1d(
            self.content[earlier], self.content[later], assume_unique=True, return_indices=True
        )
        earlier, later = earlier[of], later[copies]
        return Copies(
            split=names[1],
            of=names[0],
            records=int(self.records[later].sum()),
            first=_first(self.first[later], self.first[earlier]),
        )


def _differs(high: Digests, low: Digests) -> NDArray[np.bool_]:
    """Whether each digest of some that are sorted is another than the one before it."""
    differs = np.ones(len(high), np.bool_)
    differs[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    return differs


def _first(records: Numbers, of: Numbers) -> tuple[Copy, ...]:
    first = np.lexsort((records[:, 1], records[:, 0]))[:SHOWN]
    return tuple(
        Copy(record=Place(shard=shard, record=record), of=Place(shard=of_shard, record=of_record))
        for (shard, record), (of_shard, of_record) in zip(records[first].tolist(), of[first].tolist(), strict=True)
    )


def write_duplicates(duplicates: Duplicates, statistics: Statistics) -> None:
    """Writes them beside the statistics, as JSON."""
    from pydantic import TypeAdapter

    (statistics.path / FILE).write_bytes(TypeAdapter(Duplicates).dump_json(duplicates, indent=1))


def read_duplicates(statistics: Statistics) -> Duplicates:
    """What `write_duplicates` wrote.

    Raises:
      BadData: There is no such file, or it is damaged.
    """
    from pydantic import TypeAdapter, ValidationError

    file = statistics.path / FILE
    try:
        return TypeAdapter(Duplicates).validate_json(file.read_bytes())
    except (FileNotFoundError, ValidationError) as error:
        raise BadData(f"{file}: wanted the duplicates of the examples, got: {error}; compute it again") from error
