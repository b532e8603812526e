"""Copies the records of one source to shards: what a worker of `ingest` does."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from slipline.components.artifacts import Shard
from slipline.components.beam.beam_options import BeamSettings
from slipline.components.errors import BadData
from slipline.components.files.file_systems import is_remote, set_options
from slipline.components.sources.file_kinds import Source, TfrecordFile
from slipline.components.sources.image_folder_source import ClassImages
from slipline.components.sources.shard_writer import ShardWriter
from slipline.components.sources.tfds_source import INFO_FILE

VALIDATION = "validation"
"""The split of the records held out by their content."""


@dataclass(frozen=True, kw_only=True)
class CopyJob:
    """One source to be copied.

    Attributes:
      split: The split it belongs to.
      source: What is read.
      held_out: The part of its records, in 0..1, that goes to the validation split instead.
      parts: The folder in which each attempt makes a folder of its own.
      beam: How remote files are reached.
    """

    split: str
    source: Source
    held_out: float
    parts: Path
    beam: BeamSettings


@dataclass(frozen=True, kw_only=True)
class Copied:
    """What became of the records of one source.

    Attributes:
      read: How many there were.
      shards: By split, by their whole paths.
    """

    read: int
    shards: Mapping[str, tuple[Shard, ...]]


def copy_source(job: CopyJob) -> Copied:
    """Copies a source, each record checked on the way.

    Raises:
      BadData: It is damaged, or has not as many records as stated beside it.
    """
    if is_remote(job.source.path):
        set_options(job.beam)
    # A runner may try a job again while an earlier attempt still writes.
    folder = job.parts / uuid4().hex
    folder.mkdir()
    copied = _copy(job, folder)
    stated = job.source.stated if isinstance(job.source, TfrecordFile) else None
    if stated not in (None, copied.read):
        raise BadData(
            f"{job.source.path}: wanted {stated:,} records, as {INFO_FILE} beside it says, got {copied.read:,}; "
            "restore the file from where it came"
        )
    return copied


def _copy(job: CopyJob, folder: Path) -> Copied:
    from slipline.components.sources.content_split import is_held_out

    source = job.source.path, job.source.images if isinstance(job.source, ClassImages) else None
    read = 0
    with (
        closing(ShardWriter(folder, job.split, *source)) as kept,
        closing(ShardWriter(folder, VALIDATION, *source)) as held_out,
    ):
        for record in job.source.records():
            side = held_out if job.held_out and is_held_out(record, job.held_out) else kept
            side.write(read, record)
            read += 1
        shards = {job.split: kept.complete()}
        if job.held_out:  # else a split of the data's own may have that name
            shards[VALIDATION] = held_out.complete()
        return Copied(read=read, shards=shards)
