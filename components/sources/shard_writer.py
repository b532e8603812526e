"""Writes the records of one source to shards of limited size, and says where each record came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from slipline.components.artifacts import Shard
from slipline.components.errors import BeamFailed
from slipline.components.examples.record_places import NUMBERS, SOURCES, write_numbers, write_sources
from slipline.components.files.tfrecord_files import RecordWriter

RECORDS_IN_SHARD = 10_000
"""Later steps run a job a shard: few enough for many workers, enough to make up for a job's overhead."""


class ShardWriter:
    """Shards being written, one after the other."""

    def __init__(self, folder: Path, name: str, source: str, images: Sequence[str] | None = None) -> None:
        """To be written to `<folder>/<name>-<number>`.

        Args:
          folder: Exists; names in it that begin with `name` are this writer's alone.
          name: How the shards' names begin.
          source: What is read, as its owner knows it.
          images: For each record of the source the file that it was, if each was one.
        """
        self._folder = folder
        self._name = name
        self._source = source
        self._images = images
        self._shards: list[Shard] = []
        self._numbers: list[int] = []
        self._writer: RecordWriter | None = None

    def write(self, number: int, record: bytes) -> None:
        """Adds the record that has this number in the source; numbers only rise."""
        if self._writer is None:
            self._writer = RecordWriter(self._next_file)
        self._writer.write(record)
        self._numbers.append(number)
        if len(self._numbers) == RECORDS_IN_SHARD:
            self._complete_shard()

    def complete(self) -> tuple[Shard, ...]:
        """All shards in order, by their whole paths, as all records are written; none if there was no record."""
        self._complete_shard()
        return tuple(self._shards)

    def close(self) -> None:
        """Ends the writing, complete or not."""
        if self._writer is not None:
            self._writer.close()

    @property
    def _next_file(self) -> Path:
        return self._folder / f"{self._name}-{len(self._shards)}"

    def _complete_shard(self) -> None:
        if self._writer is None:
            return
        self._writer.complete()
        file, numbers = self._next_file, self._numbers
        if self._images is not None:
            write_sources(file, [self._images[number] for number in numbers])
        elif numbers[-1] - numbers[0] >= len(numbers):  # those between went elsewhere
            write_numbers(file, numbers)
        self._shards.append(Shard(file=str(file), records=len(numbers), source=self._source, first=numbers[0]))
        self._numbers = []
        self._writer = None


def move_shard(shard: Shard, file: Path) -> Shard:
    """Gives a shard that was written, and what lies beside it, the name of `file`.

    Raises:
      BeamFailed: The shard is not there.
    """
    written = Path(shard.file)
    try:
        written.replace(file)
    except FileNotFoundError:
        raise BeamFailed(
            f"{shard.file}: a Beam worker wrote this shard, but it is not here; "
            "let SLIPLINE_HOME lie where all workers reach it"
        ) from None
    for suffix in (SOURCES, NUMBERS):
        beside = written.with_name(written.name + suffix)
        if beside.exists():
            beside.replace(file.with_name(file.name + suffix))
    return replace(shard, file=file.name)
