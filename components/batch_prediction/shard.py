"""Writes the answers to the records of one stretch of an input: a file of predictions, and one of failures."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from slipline.components.batch_prediction.ask_block import BlockAnswers, Probabilities
from slipline.components.batch_prediction.blocks import Block, Failure
from slipline.components.batch_prediction.request import Format
from slipline.components.beam.jobs import Problem
from slipline.components.files.tfrecord_files import write_records
from slipline.components.sources.tabular import Cell, ValueKind, encode_row

RECORDS_IN_SHARD = 100_000
"""Enough for files that are worth opening, few enough to be held in memory; with 10 classes, some 10 MB."""


@dataclass(frozen=True, kw_only=True, eq=False)
class AnsweredBlock:
    """What came of one block; of its records no more than is written.

    Attributes:
      first: The number in the input of its first record.
      size: How many records it had.
      files: Of each record that was answered, where it lies.
      numbers: Its place there, from 0.
      keys: What tells it from others, if it says so.
      labels: Its right class, if it has one.
      probabilities: float32 [records answered, classes].
      failed: The other records.
    """

    first: int
    size: int
    files: tuple[str, ...]
    numbers: tuple[int, ...]
    keys: tuple[str | None, ...]
    labels: tuple[int | None, ...]
    probabilities: Probabilities
    failed: tuple[Failure, ...]

    @classmethod
    def of(cls, block: Block, answers: BlockAnswers) -> AnsweredBlock:
        """What came of `block`."""
        return cls(
            first=block.first,
            size=block.size,
            files=tuple(record.file for record in answers.records),
            numbers=tuple(record.number for record in answers.records),
            keys=tuple(record.key for record in answers.records),
            labels=tuple(record.label for record in answers.records),
            probabilities=answers.probabilities,
            failed=answers.failed,
        )


@dataclass(frozen=True, kw_only=True)
class PredictedShard:
    """One shard, written.

    Attributes:
      number: Of the input.
      first: The number in the input of its first record.
      predictions: The file of predictions, which may have none.
      failures: A line of JSON for each failure; None where there is none.
      predicted: How many records were.
      failed: How many were not.
      labelled: How many of those predicted have a label.
      right: How many of these were predicted as labelled.
    """

    number: int
    first: int
    predictions: Path
    failures: Path | None
    predicted: int
    failed: int
    labelled: int
    right: int

    @property
    def end(self) -> int:
        """The number in the input of the first record behind it."""
        return self.first + self.predicted + self.failed


@dataclass(frozen=True)
class Misplaced:
    """What a runner did not do once."""

    message: str


@dataclass(frozen=True, kw_only=True)
class ShardSettings:
    """How every shard is written.

    Attributes:
      folder: Takes the files, each under a name of its own: a runner may try again while an earlier attempt writes.
      format: Of the predictions.
      class_names: Of each class.
      names: What messages call each input.
      stop: Whether a failure is a problem.
    """

    folder: Path
    format: Format
    class_names: tuple[str, ...]
    names: tuple[str, ...]
    stop: bool


def write_shard(
    key: tuple[int, int], blocks: Iterable[AnsweredBlock | Problem], settings: ShardSettings
) -> PredictedShard | Misplaced | Problem:
    """Writes one shard.

    Args:
      key: The number of the input, and that of the shard in it.
      blocks: All of its blocks, in any order.
      settings: How.
    """
    number = key[0]
    found = list(blocks)
    if problems := sorted({block.message for block in found if isinstance(block, Problem)}):
        return Problem(problems[0])
    ordered = sorted((block for block in found if isinstance(block, AnsweredBlock)), key=lambda block: block.first)
    expected = ordered[0].first
    for block in ordered:
        if block.first != expected:
            return Misplaced(
                f"{settings.names[number]}: wanted the answers to record {expected} next, Beam brought those to record "
                f"{block.first}; its runner lost or repeated work, choose another"
            )
        expected += block.size
    failures = sorted(
        (failure for block in ordered for failure in block.failed), key=lambda one: (one.file, one.record)
    )
    if failures and settings.stop:
        return Problem(_why_stopped(failures))
    try:
        return _write(number, ordered, failures, settings)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)  # Arrow's own words are long
        return Problem(
            f"{settings.folder}: a worker cannot write there ({why}); make room, or choose another --to, which all "
            "workers reach"
        )


def _why_stopped(failures: Sequence[Failure]) -> str:
    first, more = failures[0], len(failures) - 1
    told = f" (and {more:,} more records of this input)" if more else ""
    return (
        f"{first.file}: record {first.record} (counted from 0): {first.reason}{told}; mend it, or set such records "
        "aside with --on-bad-record=set-aside"
    )


def _write(
    number: int, ordered: Sequence[AnsweredBlock], failures: Sequence[Failure], settings: ShardSettings
) -> PredictedShard:
    rows = _Rows.of(ordered, settings.class_names)
    file = settings.folder / f"{number}-{uuid4().hex}"
    if settings.format == "parquet":
        _write_parquet(rows, file)
    else:
        write_records(file, rows.examples())
    told = file.with_suffix(".jsonl") if failures else None
    if told is not None:
        told.write_text("".join(json.dumps(asdict(failure)) + "\n" for failure in failures), "utf-8")
    return PredictedShard(
        number=number,
        first=ordered[0].first,
        predictions=file,
        failures=told,
        predicted=len(rows.files),
        failed=len(failures),
        labelled=sum(label is not None for label in rows.labels),
        right=sum(label == answer for label, answer in zip(rows.labels, rows.classes, strict=True)),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rows:
    """Predictions, a row for each record: the columns of `AnsweredBlock`, the likeliest class and its name."""

    files: Sequence[str]
    numbers: Sequence[int]
    keys: Sequence[str | None]
    labels: Sequence[int | None]
    classes: Sequence[int]
    class_names: Sequence[str]
    probabilities: Probabilities

    @classmethod
    def of(cls, blocks: Sequence[AnsweredBlock], names: Sequence[str]) -> _Rows:
        """The rows of all blocks, in their order."""
        probabilities = np.concatenate([block.probabilities for block in blocks])
        classes = probabilities.argmax(axis=1).tolist()
        return cls(
            files=[file for block in blocks for file in block.files],
            numbers=[number for block in blocks for number in block.numbers],
            keys=[key for block in blocks for key in block.keys],
            labels=[label for block in blocks for label in block.labels],
            classes=classes,
            class_names=[names[number] for number in classes],
            probabilities=probabilities,
        )

    def examples(self) -> Iterator[bytes]:
        """Each row as a serialized `tf.Example`; what a record does not have is no feature."""
        for row, probabilities in enumerate(self.probabilities.tolist()):
            cells = [
                Cell("file", ValueKind.BYTES, [self.files[row].encode()]),
                Cell("record", ValueKind.INT, [self.numbers[row]]),
                Cell("class", ValueKind.INT, [self.classes[row]]),
                Cell("class_name", ValueKind.BYTES, [self.class_names[row].encode()]),
                Cell("probabilities", ValueKind.FLOAT, probabilities),
            ]
            if (key := self.keys[row]) is not None:
                cells.append(Cell("key", ValueKind.BYTES, [key.encode()]))
            if (label := self.labels[row]) is not None:
                cells.append(Cell("label", ValueKind.INT, [label]))
            yield encode_row(cells)

    def table(self) -> Any:
        """All rows as an Arrow table; what a record does not have is null."""
        import pyarrow as pa

        rows, classes = self.probabilities.shape
        ends = pa.array(np.arange(rows + 1, dtype=np.int32) * classes)
        return pa.table(
            {
                "file": pa.array(self.files, pa.string()),
                "record": pa.array(self.numbers, pa.int64()),
                "key": pa.array(self.keys, pa.string()),
                "label": pa.array(self.labels, pa.int64()),
                "class": pa.array(self.classes, pa.int64()),
                "class_name": pa.array(self.class_names, pa.string()),
                "probabilities": pa.ListArray.from_arrays(ends, pa.array(self.probabilities.ravel(), pa.float32())),
            }
        )


def _write_parquet(rows: _Rows, file: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(rows.table(), file, compression="zstd")
