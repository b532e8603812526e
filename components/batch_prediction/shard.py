"""Writes the answers to the records of one stretch of an input: a file of predictions, and one of failures."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import numpy as np

from slipline.components.batch_prediction.ask_block import AnsweredBlock, Probabilities
from slipline.components.batch_prediction.blocks import Failure, Record
from slipline.components.batch_prediction.request import BatchRequest
from slipline.components.beam.jobs import Problem
from slipline.components.examples.example_records import Cell, ValueKind, encode_cells
from slipline.components.files.tfrecord_files import write_records

RECORDS_IN_SHARD = 100_000
"""Enough for files that are worth opening, few enough to be held in memory; with 10 classes, some 10 MB."""


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
class ShardWork:
    """How every shard is written.

    Attributes:
      request: Says the format, and whether a failure is a problem.
      folder: Takes the files, each under a name of its own: a runner may try again while an earlier attempt writes.
      class_names: Of each class.
      names: What messages call each input.
    """

    request: BatchRequest
    folder: Path
    class_names: tuple[str, ...]
    names: tuple[str, ...]


def write_shard(
    key: tuple[int, int], blocks: Iterable[AnsweredBlock | Problem], work: ShardWork
) -> PredictedShard | Misplaced | Problem:
    """Writes one shard.

    Args:
      key: The number of the input, and that of the shard in it.
      blocks: All of its blocks, in any order.
      work: How.
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
                f"{work.names[number]}: wanted the answers to record {expected} next, Beam brought those to record "
                f"{block.first}; its runner lost or repeated work, choose another"
            )
        expected += block.size
    failures = sorted(
        (failure for block in ordered for failure in block.failed), key=lambda one: (one.file, one.record)
    )
    if failures and work.request.on_bad_record == "stop":
        return Problem(_why_stopped(failures))
    try:
        return _write(number, ordered, failures, work)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)  # Arrow's own words are long
        return Problem(
            f"{work.folder}: a worker cannot write there ({why}); make room, or choose another --to, which all "
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
    number: int, ordered: Sequence[AnsweredBlock], failures: Sequence[Failure], work: ShardWork
) -> PredictedShard:
    records = [record for block in ordered for record in block.records]
    probabilities = np.concatenate([block.probabilities for block in ordered])
    columns = _columns(records, probabilities.argmax(axis=1).tolist(), work.class_names)
    file = work.folder / f"{number}-{uuid4().hex}"
    if work.request.format == "parquet":
        _write_parquet(columns, probabilities, file)
    else:
        write_records(file, _examples(columns, probabilities))
    told = file.with_suffix(".jsonl") if failures else None
    if told is not None:
        told.write_text("".join(json.dumps(asdict(failure)) + "\n" for failure in failures), "utf-8")
    labels = columns["label"][1]
    return PredictedShard(
        number=number,
        first=ordered[0].first,
        predictions=file,
        failures=told,
        predicted=len(records),
        failed=len(failures),
        labelled=sum(label is not None for label in labels),
        right=sum(label == answer for label, answer in zip(labels, columns["class"][1], strict=True)),
    )


Columns: TypeAlias = dict[str, tuple[ValueKind, list[Any]]]
"""By name, what a row of predictions holds beside probabilities: text or integers, None where a record has none."""


def _columns(records: Sequence[Record], classes: list[int], names: Sequence[str]) -> Columns:
    return {
        "file": (ValueKind.BYTES, [record.file for record in records]),
        "record": (ValueKind.INT, [record.number for record in records]),
        "key": (ValueKind.BYTES, [record.key for record in records]),
        "label": (ValueKind.INT, [record.label for record in records]),
        "class": (ValueKind.INT, classes),
        "class_name": (ValueKind.BYTES, [names[number] for number in classes]),
    }


def _examples(columns: Columns, probabilities: Probabilities) -> Iterator[bytes]:
    """Each row as a serialized `tf.Example`; what a record does not have is no feature."""
    for row, of_row in enumerate(probabilities.tolist()):
        cells = [
            Cell(name, kind, [value.encode() if kind is ValueKind.BYTES else value])
            for name, (kind, values) in columns.items()
            if (value := values[row]) is not None
        ]
        yield encode_cells([*cells, Cell("probabilities", ValueKind.FLOAT, of_row)])


def _write_parquet(columns: Columns, probabilities: Probabilities, file: Path) -> None:
    """All rows as a table; what a record does not have is null."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {ValueKind.BYTES: pa.string(), ValueKind.INT: pa.int64()}
    rows, classes = probabilities.shape
    ends = pa.array(np.arange(rows + 1, dtype=np.int32) * classes)
    arrays = {name: pa.array(values, types[kind]) for name, (kind, values) in columns.items()}
    arrays["probabilities"] = pa.ListArray.from_arrays(ends, pa.array(probabilities.ravel(), pa.float32()))
    pq.write_table(pa.table(arrays), file, compression="zstd")
