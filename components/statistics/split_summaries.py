"""The summaries of all splits and of their slices, made of those of their shards, on Beam."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import TypeAlias

from slipline.components.artifacts import Examples, Shard
from slipline.components.beam.beam_options import BeamSettings
from slipline.components.beam.jobs import Problem, each_once, run_jobs
from slipline.components.errors import BadData
from slipline.components.files.tfrecord_files import read_shard
from slipline.components.statistics.duplicates import write_digests
from slipline.components.statistics.feature_statistics import SplitSummary
from slipline.components.statistics.groups import MISSING, OTHER
from slipline.components.statistics.shard_statistics import Slices, summarise_records

Divisions: TypeAlias = tuple[Slices, ...]
"""A split divided by each feature asked for; by none, there is one division that is none."""

Described: TypeAlias = tuple[tuple[int, ...], Divisions]
"""The numbers of the jobs that have gone into them, and the divisions."""

RECORDS_PER_S = 50_000
"""What one process describes, roughly: images of 28 x 28 pixels."""


@dataclass(frozen=True, kw_only=True)
class SummaryJob:
    """One shard to be summarised.

    Attributes:
      number: Its place among all shards.
      split: Its split.
      shard: The shard.
      file: Where it lies.
      digests: Gets the digests of their contents.
      slice_by: Features by whose values to slice them.
      max_slices: Different values of such a feature, at most.
    """

    number: int
    split: str
    shard: Shard
    file: Path
    digests: Path
    slice_by: tuple[str, ...]
    max_slices: int


def summary_jobs(examples: Examples, slice_by: tuple[str, ...], max_slices: int, out: Path) -> list[SummaryJob]:
    """A job for each shard of each split, in their order."""
    shards = [(split.name, shard) for split in examples.splits for shard in split.shards]
    return [
        SummaryJob(
            number=number,
            split=split,
            shard=shard,
            file=examples.path / shard.file,
            digests=out / f"digests-{number}.npy",
            slice_by=slice_by,
            max_slices=max_slices,
        )
        for number, (split, shard) in enumerate(shards)
    ]


def summarise_splits(
    examples: Examples, jobs: Sequence[SummaryJob], beam: BeamSettings, out: Path
) -> dict[str, SplitSummary]:
    """Each split and its slices, by the names of their data sets; the digests of each job are written.

    Raises:
      BadData: A shard was damaged or altered since it was written.
      BeamFailed: The runner lost or repeated work.
    """
    alone_s = examples.records / RECORDS_PER_S
    found: dict[str, Described] = dict(run_jobs(beam, jobs, _summarise_all, out, alone_s=alone_s))
    each_once([str(job.file) for job in jobs], ((number, None) for numbers, _ in found.values() for number in numbers))
    summaries: dict[str, SplitSummary] = {}
    for split in examples.splits:
        _, divisions = found.get(split.name, ((), ()))
        summaries.update(_named(split.name, divisions))
    return summaries


def _named(split: str, divisions: Divisions) -> Iterator[tuple[str, SplitSummary]]:
    """The split and its slices, by the names of their data sets."""
    whole = divisions[0].total if divisions else SplitSummary()
    yield split, replace(whole, not_sliced=tuple(each.feature for each in divisions if each.too_many))
    for each in divisions:
        if each.occurs:
            for value in sorted(each.by_value, key=_slice_order):
                yield f"{split}/{each.feature}={value}", each.by_value[value]


def _slice_order(value: str) -> tuple[bool, bool, int, str]:
    """Integers as numbers, then texts, then what is neither."""
    digits = value.removeprefix("-")
    is_integer = digits.isascii() and digits.isdigit()
    return value in (MISSING, OTHER), not is_integer, int(value) if is_integer else 0, value


def _summarise_all(jobs: object) -> object:
    import apache_beam as beam

    shards = jobs | beam.Map(summarise).with_output_types(object)
    merged = (
        shards
        | beam.Filter(lambda shard: not isinstance(shard, Problem)).with_output_types(tuple[str, object])
        | beam.CombinePerKey(_merge_all)
    )
    problems = shards | "Problems" >> beam.Filter(lambda shard: isinstance(shard, Problem))
    return (merged, problems) | beam.Flatten()


def _merge_all(shards: Iterable[Described]) -> Described:
    found = [shard for shard in shards if shard[0]]  # Beam also merges no shards at all, to have something to add to
    numbers = tuple(number for those, _ in found for number in those)
    return numbers, tuple(reduce(Slices.merge, slices) for slices in zip(*(each for _, each in found), strict=True))


def summarise(job: SummaryJob) -> tuple[str, Described] | Problem:
    """The split of a shard, and its records by slices; their digests are written."""
    try:
        found = summarise_records(read_shard(job.file, job.shard), job.slice_by, job.max_slices)
    except BadData as error:
        return Problem(str(error))
    write_digests(job.digests, found.digests)
    return job.split, ((job.number,), found.divisions)
