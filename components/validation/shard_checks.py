"""Checks every record of a shard, and gathers the offending ones of all shards with what is wrong with each."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np

from slipline.components.artifacts import LISTING, OFFENDERS, Shard
from slipline.components.examples.record_places import RecordPlaces
from slipline.components.files.tfrecord_files import read_shard, write_records
from slipline.components.schemas.schema_rules import FeatureRule
from slipline.components.validation.findings import Kind
from slipline.components.validation.record_checks import Violation, check_record

NAMED_RECORDS = 3
SHOWN_VALUES = 3


@dataclass(kw_only=True)
class ViolationTally:
    """Records that break the schema in the same way.

    Attributes:
      wanted: What the schema demands.
      got: What came; the first few that differ.
      records: How many records.
      first: Where the first of them are, for people.
    """

    wanted: str
    got: list[str] = field(default_factory=list)
    records: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, got: Iterable[str], records: int, first: Iterable[str]) -> None:
        """Counts more such records, which come after those counted."""
        self.got = list(dict.fromkeys([*self.got, *got]))[: SHOWN_VALUES + 1]
        self.records += records
        self.first = [*self.first, *first][:NAMED_RECORDS]


Tallies: TypeAlias = dict[tuple[str, Kind], ViolationTally]


@dataclass(frozen=True, kw_only=True)
class CheckJob:
    """One shard to be checked.

    Attributes:
      split: The split it belongs to.
      shard: The shard.
      file: Where it lies.
      rules: What its records must be.
      decode: The image features to be decoded; of the others only the head is read.
      offenders: Gets the offending records.
      numbers: Gets their numbers in the shard, int64 of shape [offending], if there are any.
      listing: Gets a line of CSV for each way in which one of them breaks the rules.
    """

    split: str
    shard: Shard
    file: Path
    rules: tuple[FeatureRule, ...]
    decode: frozenset[str]
    offenders: Path
    numbers: Path
    listing: Path


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What was found in one shard.

    Attributes:
      job: The shard.
      offending: How many of its records break a rule.
      tallies: By feature and kind of break.
    """

    job: CheckJob
    offending: int
    tallies: Tallies


def check(job: CheckJob) -> Checked:
    """Checks one shard and writes its offenders to files of their own.

    Raises:
      BadData: The shard was damaged or altered since it was written.
    """
    tallies: Tallies = {}
    numbers: list[int] = []
    with job.listing.open("w", encoding="utf-8", newline="") as listing:
        offending = write_records(job.offenders, _offenders(job, csv.writer(listing), tallies, numbers))
    if offending:
        np.save(job.numbers, np.asarray(numbers, np.int64))
    return Checked(job=job, offending=offending, tallies=tallies)


def _offenders(job: CheckJob, listing: Any, tallies: Tallies, numbers: list[int]) -> Iterator[bytes]:
    """The offending records of a shard; what they break, and their numbers, are noted on the way."""
    places = RecordPlaces(job.file, job.shard)
    for number, record in enumerate(read_shard(job.file, job.shard)):
        broken: dict[tuple[str, Kind], Violation] = {}
        for found in check_record(record, job.rules, job.decode):
            broken.setdefault((found.feature, found.kind), found)  # several values of one record count once
        for key, (feature, kind, wanted, got) in broken.items():
            where = places.place(number)
            tallies.setdefault(key, ViolationTally(wanted=wanted)).add([got], 1, [where])
            listing.writerow([job.split, where, feature, kind.text, wanted, got])
        if broken:
            numbers.append(number)
            yield record


LISTING_HEAD = "split,where,feature,kind,wanted,got\r\n"


def gather_offenders(checked: Sequence[Checked], out: Path) -> None:
    """Moves what each shard's check wrote to the end of `out`'s two files, in the order given."""
    with (out / OFFENDERS).open("wb") as records, (out / LISTING).open("wb") as listing:
        listing.write(LISTING_HEAD.encode())
        for job in (each.job for each in checked):
            _move_to_end(job.offenders, records)
            _move_to_end(job.listing, listing)


def _move_to_end(part: Path, whole: BinaryIO) -> None:
    with part.open("rb") as stream:
        shutil.copyfileobj(stream, whole)
    part.unlink()
