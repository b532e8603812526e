"""Leaves the records out that broke the schema."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np

from slipline.components.artifacts import Anomalies, Examples, Shard, Split, copy_class_names
from slipline.components.beam.beam_options import BeamSettings, Problem, run_jobs
from slipline.components.errors import BadData, BeamFailed
from slipline.components.examples.record_places import NUMBERS, SOURCES, RecordPlaces
from slipline.components.examples.shard_records import read_shard
from slipline.components.files.tfrecord_files import write_records
from slipline.pipeline.core.component import component


@dataclass(frozen=True, kw_only=True)
class Job:
    """One shard to be copied without its offenders.

    Attributes:
      shard: The shard.
      folder: Where it lies.
      offending: NumPy file with the numbers of its offenders; absent if there are none.
      out: Gets the shard of the rest.
    """

    shard: Shard
    folder: Path
    offending: Path
    out: Path


@component(loads=("apache_beam",))
def set_aside(examples: Examples, anomalies: Anomalies, beam: BeamSettings, out: Path) -> Examples:
    """The examples without those that broke the schema.

    Args:
      examples: All of them.
      anomalies: What is wrong with which of them.
      beam: Where Beam runs.
      out: Gets the shards of the rest, as links where nothing was set aside and the file system allows.

    Returns:
      The rest. What was set aside lies in `anomalies`, record by record.

    Raises:
      BadData: A shard was damaged or altered since it was written.
      BeamFailed: Records kept and set aside are not all there were: the runner lost or repeated work.
    """
    jobs = [
        Job(shard=shard, folder=examples.path, offending=anomalies.offending_numbers(shard), out=out)
        for split in examples.splits
        for shard in split.shards
    ]
    kept: dict[str, int] = dict(run_jobs(beam, jobs, _keep_all, out))
    rest = Examples(
        path=out, splits=tuple(_split(split, kept) for split in examples.splits), set_aside=anomalies.set_aside
    )
    if rest.records + rest.set_aside != examples.records:
        raise BeamFailed(
            f"wanted {examples.records:,} records kept or set aside, got {rest.records:,} kept and "
            f"{rest.set_aside:,} set aside; Beam's runner lost or repeated work, choose another"
        )
    copy_class_names(examples.path, out)
    return rest


def _split(split: Split, kept: dict[str, int]) -> Split:
    shards = [replace(shard, records=kept.get(shard.file, 0)) for shard in split.shards]
    return replace(split, shards=tuple(shard for shard in shards if shard.records))


def _keep_all(jobs: Any) -> Any:
    import apache_beam as beam

    return jobs | beam.Map(keep).with_output_types(object)


def keep(job: Job) -> tuple[str, int] | Problem:
    """The name of a shard, and how many of its records are kept."""
    file = job.folder / job.shard.file
    if not job.offending.exists():
        if not file.is_file():
            return Problem(f"{file}: wanted a shard of {job.shard.records:,} records, got none; run again with --fresh")
        for suffix in ("", SOURCES, NUMBERS):
            _take_along(file.name + suffix, job.folder, job.out)
        return job.shard.file, job.shard.records
    wanted = np.ones(job.shard.records, bool)
    wanted[np.load(job.offending)] = False
    target = job.out / job.shard.file
    try:
        records = write_records(target, compress(read_shard(file, job.shard), wanted))
    except BadData as error:
        return Problem(str(error))
    RecordPlaces(file, job.shard).keep(np.flatnonzero(wanted).tolist(), target)
    return job.shard.file, records


def _take_along(name: str, source: Path, target: Path) -> None:
    if not (source / name).exists():
        return
    try:
        os.link(source / name, target / name)
    except OSError:
        shutil.copy2(source / name, target / name)
