"""Leaves the records out that broke the schema."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import compress
from pathlib import Path

import numpy as np

from slipline.components.artifacts import Anomalies, Examples, Shard, Split, copy_class_names
from slipline.components.beam.beam_options import BeamSettings
from slipline.components.beam.jobs import map_jobs
from slipline.components.errors import BadData, BeamFailed
from slipline.components.examples.record_places import NUMBERS, SOURCES, RecordPlaces
from slipline.components.files.file_systems import link_or_copy
from slipline.components.files.tfrecord_files import read_shard, write_records
from slipline.pipeline.core.component import component


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
      BeamFailed: The runner lost or repeated work, or records kept and set aside are not all there were.
    """
    shards = [shard for split in examples.splits for shard in split.shards]
    names = [shard.file for shard in shards]
    work = partial(keep, folder=examples.path, anomalies=anomalies, out=out)
    kept = dict(zip(names, map_jobs(beam, shards, work, out, names=names), strict=True))
    splits = tuple(_split(split, kept) for split in examples.splits)
    rest = Examples(path=out, splits=splits, set_aside=anomalies.set_aside)
    if rest.records + rest.set_aside != examples.records:
        raise BeamFailed(
            f"wanted {examples.records:,} records kept or set aside, got {rest.records:,} kept and "
            f"{rest.set_aside:,} set aside; Beam's runner lost or repeated work, choose another"
        )
    copy_class_names(examples.path, out)
    return rest


def _split(split: Split, kept: dict[str, int]) -> Split:
    shards = [replace(shard, records=kept[shard.file]) for shard in split.shards]
    return replace(split, shards=tuple(shard for shard in shards if shard.records))


def keep(shard: Shard, folder: Path, anomalies: Anomalies, out: Path) -> int:
    """Copies a shard that lies in `folder` without its offenders; how many of its records are kept."""
    file, offending = folder / shard.file, anomalies.offending_numbers(shard)
    if not offending.exists():
        if not file.is_file():
            raise BadData(f"{file}: wanted a shard of {shard.records:,} records, got none; run again with --fresh")
        for name in (shard.file, shard.file + SOURCES, shard.file + NUMBERS):
            if (folder / name).exists():
                link_or_copy(folder / name, out / name)
        return shard.records
    wanted = np.ones(shard.records, bool)
    wanted[np.load(offending)] = False
    target = out / shard.file
    records = write_records(target, compress(read_shard(file, shard), wanted))
    RecordPlaces(file, shard).keep(np.flatnonzero(wanted).tolist(), target)
    return records
