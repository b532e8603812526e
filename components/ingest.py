"""Brings the examples in: every record of every source file, checked and in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from components.beam_options import BeamSettings, Problem, run_jobs
from components.errors import BadData
from components.record_places import write_sources
from components.sources import ClassFolder, Source, class_names, folder_sources
from components.tfds_source import INFO_FILE, find_prepared, prepare, prepared_sources
from components.tfrecord import write_records
from pipeline.artifacts import Examples, Shard, Split
from pipeline.component import OUTSIDE_CACHE_KEY, ComponentError, Say, component, params


@params
class IngestParams:
    """What to bring in.

    Attributes:
      dataset: A TFDS name, such as `mnist:3.0.1`; without a version, TFDS's newest. Not read if `folder` is given.
      splits: The splits to bring in, in this order.
      data_dir: Where TFDS keeps its data sets.
      folder: A folder of your own instead: `<folder>/<split>/*.tfrecord*`, plain or .gz, of `tf.Example`, or
        `<folder>/<split>/<class name>/*.png`, .jpg or .jpeg.
    """

    dataset: str = "mnist:3.0.1"
    splits: tuple[str, ...] = ("train", "test")
    data_dir: Path = field(default=Path("data"), metadata=OUTSIDE_CACHE_KEY)
    folder: Path | None = field(default=None, metadata=OUTSIDE_CACHE_KEY)

    def __post_init__(self) -> None:
        if not self.splits or len(set(self.splits)) < len(self.splits):
            raise ValueError(f"splits must be one or more different names, got {self.splits}")


@dataclass(frozen=True, kw_only=True)
class Job:
    """One source file to be copied to one shard."""

    split: str
    number: int
    source: Source
    shard: Path


@dataclass(frozen=True, kw_only=True)
class Copied:
    """One shard written."""

    job: Job
    records: int


def source_files(params: IngestParams) -> list[Path]:
    """The files that the result depends on; none where they are yet to be downloaded, or cannot be found."""
    try:
        if params.folder is not None:
            return _files(folder_sources(params.folder, params.splits))
        prepared = find_prepared(params.dataset, params.data_dir)
        return [] if prepared is None else [prepared / INFO_FILE, *_files(prepared_sources(prepared, params.splits))]
    except ComponentError:
        return []  # `ingest` itself will say what is wrong


@component(loads=("apache_beam",), reads=source_files)
def ingest(params: IngestParams, beam: BeamSettings, out: Path, say: Say) -> Examples:
    """The examples of every split, shard k from source file k, with the same record numbers.

    Beside a shard made from images lies a `.sources.txt` with the image file of each record, and the folder then has a
    `classes.txt` with the class name of each label.

    Args:
      params: What to bring in.
      beam: Where Beam runs.
      out: Gets `<split>-<k>-of-<n>.tfrecord`.
      say: Told what is read.

    Returns:
      TFRecord files of records that were whole in their source; whether they are the right ones is for `validate`.

    Raises:
      DatasetNotFound: Nothing lies where the settings say, and it could not be downloaded.
      BadData: A file is cut off or corrupt, a split is missing or empty, or a file has not the records it should.
    """
    sources = _sources(params, say)
    jobs = list(_jobs(sources, out))
    say(f"reading {len(jobs)} files of {', '.join(sources)}")
    copied = run_jobs(beam, jobs, _copy_all, out)
    records = {(result.job.split, result.job.number): result.records for result in copied}
    splits = tuple(_split(name, [job for job in jobs if job.split == name], records) for name in sources)
    _name_classes(params, jobs, out)
    return Examples(path=out, splits=splits)


def _sources(params: IngestParams, say: Say) -> dict[str, list[Source]]:
    if params.folder is not None:
        return folder_sources(params.folder, params.splits)
    prepared = find_prepared(params.dataset, params.data_dir)
    if prepared is None:
        say(f"downloading {params.dataset} with TensorFlow Datasets")
        prepared = prepare(params.dataset, params.data_dir)
    return prepared_sources(prepared, params.splits)


def _files(sources: dict[str, list[Source]]) -> list[Path]:
    return [file for split in sources.values() for source in split for file in source.files()]


def _jobs(sources: dict[str, list[Source]], out: Path) -> Iterator[Job]:
    for split, found in sources.items():
        for number, source in enumerate(found):
            shard = out / f"{split}-{number:05d}-of-{len(found):05d}.tfrecord"
            yield Job(split=split, number=number, source=source, shard=shard)


def _copy_all(jobs: object) -> object:
    import apache_beam as beam

    return jobs | beam.Map(copy)


def copy(job: Job) -> Copied | Problem:
    """Copies one source file to its shard, checking every record on the way."""
    try:
        records = write_records(job.shard, job.source.records())
    except BadData as error:
        return Problem(str(error))
    if job.source.stated not in (None, records):
        return Problem(
            f"{job.source.path}: wanted {job.source.stated:,} records, as {INFO_FILE} beside it says, got {records:,}; "
            "restore the file from where it came"
        )
    if isinstance(job.source, ClassFolder):
        write_sources(job.shard, [str(file) for file in job.source.files()])
    return Copied(job=job, records=records)


def _split(name: str, jobs: Sequence[Job], records: dict[tuple[str, int], int]) -> Split:
    lost = [str(job.source.path) for job in jobs if (job.split, job.number) not in records]
    if lost:
        raise BadData(f"{name}: Beam returned no result for {', '.join(lost)}; its runner lost work, choose another")
    shards = tuple(
        Shard(file=job.shard.name, records=records[job.split, job.number], source=str(job.source.path)) for job in jobs
    )
    split = Split(name=name, shards=shards)
    if split.records == 0:
        raise BadData(f"split {name!r} is empty: no record in {', '.join(shard.source for shard in shards)}")
    return split


def _name_classes(params: IngestParams, jobs: Sequence[Job], out: Path) -> None:
    if params.folder is not None and any(isinstance(job.source, ClassFolder) for job in jobs):
        names = class_names(params.folder, params.splits)
        (out / "classes.txt").write_text("".join(f"{name}\n" for name in names), "utf-8")
