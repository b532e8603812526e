"""Brings the examples in: every record of every source file, checked and in order."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from slipline.components.artifacts import CLASSES_FILE, Examples, Split
from slipline.components.beam.beam_options import BeamSettings
from slipline.components.beam.jobs import map_jobs
from slipline.components.errors import BadData, BeamFailed
from slipline.components.files.file_systems import FoundFile, is_one_line, is_remote
from slipline.components.sources.column_kinds import column_kinds
from slipline.components.sources.copy_source import VALIDATION, Copied, CopyJob, copy_source
from slipline.components.sources.csv_source import CsvFile
from slipline.components.sources.file_kinds import Source, TfrecordFile, classes_of, sources_of, with_kinds
from slipline.components.sources.shard_writer import move_shard
from slipline.components.sources.source_files import folder_files, pattern_files, unknown_files
from slipline.components.sources.tfds_source import INFO_FILE, find_prepared, prepare, prepared_sources
from slipline.pipeline.core.component import OUTSIDE_CACHE_KEY, ComponentError, Say, Stated, component, params

RECORD_BYTES_PER_S = 100e6
"""What one process copies of TFRecords, roughly."""
OTHER_BYTES_PER_S = 5e6
"""What one process encodes of tables and images, roughly."""

PARTS = ".parts"
"""Where workers write, each attempt in a folder of its own, until all are done."""


@params
class IngestParams:
    """What to bring in, from one of three places: `files`, else `folder`, else the data set of TFDS.

    Paths may be remote, such as `gs://bucket/wine` or `s3://bucket/wine`.

    Attributes:
      dataset: A TFDS name, such as `mnist:3.0.1`; without a version, TFDS's newest. Emptied if there is another place.
      splits: The splits to bring in, in this order.
      data_dir: Where TFDS keeps its data sets.
      folder: A folder of your own: in `<folder>/<split>/` lie files of one kind, which their names tell: TFRecords of
        `tf.Example`, CSV or Parquet tables, two IDX archives, or a folder of images for each class.
      files: For each split a glob pattern, or several, of such files.
      validation_share: The part of the records, below 1, held out by a digest of their content as a further split
        `validation`; 0 for none.
      validation_from: The split that they are taken from.
    """

    dataset: str = "mnist:3.0.1"
    splits: tuple[str, ...] = ("train", "test")
    data_dir: Path = field(default=Path("data"), metadata=OUTSIDE_CACHE_KEY)
    folder: Path | str | None = field(default=None, metadata=OUTSIDE_CACHE_KEY)
    files: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict, metadata=OUTSIDE_CACHE_KEY)
    validation_share: float = 0.0
    validation_from: str = "train"

    def __post_init__(self) -> None:
        if self.files or self.folder is not None:  # else lineage would name data that was never read
            object.__setattr__(self, "dataset", "")
        if not self.splits or len(set(self.splits)) < len(self.splits):
            raise ValueError(f"splits must be one or more different names, got {self.splits}")
        if odd := [name for name in self.splits if not name or name[0] == "." or "/" in name or not is_one_line(name)]:
            raise ValueError(f"splits must be names that files can begin with, got {odd[0]!r}")
        if self.files and self.folder is not None:
            raise ValueError(f"one of folder and files must be left out, got folder={str(self.folder)!r} and files")
        if self.files and set(self.files) != set(self.splits):
            raise ValueError(f"files must have patterns for the splits {self.splits}, got {tuple(self.files)}")
        if not 0 <= self.validation_share < 1:
            raise ValueError(f"validation_share must be at least 0 and below 1, got {self.validation_share}")
        if self.validation_share and self.validation_from not in self.splits:
            raise ValueError(f"validation_from must be one of splits, {self.splits}, got {self.validation_from!r}")
        if self.validation_share and VALIDATION in self.splits:
            raise ValueError(f"splits must not have {VALIDATION!r} where validation_share makes it, got {self.splits}")

    @property
    def split_names(self) -> tuple[str, ...]:
        """The splits that come out, in order."""
        return (*self.splits, VALIDATION) if self.validation_share else self.splits


def source_files(params: IngestParams, beam: BeamSettings) -> list[Path | Stated]:
    """What the result depends on; nothing where it is yet to be downloaded, or cannot be found."""
    try:
        if _has_own_files(params):
            found = _own_files(params, beam)
            # Their paths do not say which files that patterns match are of which split.
            sizes = [Stated(name=split, facts=f"{len(files)} files") for split, files in found.items() if params.files]
            return [*sizes, *(_as_read(file) for files in found.values() for file in files)]
        prepared = find_prepared(params.dataset, params.data_dir.absolute())
        if prepared is None:
            return []
        sources = prepared_sources(prepared, params.splits)
        return [prepared / INFO_FILE, *(Path(source.path) for split in sources.values() for source in split)]
    except ComponentError:
        return []  # `ingest` itself will say what is wrong


@component(loads=("apache_beam",), reads=source_files)
def ingest(params: IngestParams, beam: BeamSettings, out: Path, say: Say) -> Examples:
    """The examples of every split, in the order of their sources, in shards of at most 10,000.

    Beside a shard made from images lies a `.sources.txt` with the image file of each record, and the folder then has a
    `classes.txt` with the class name of each label. Beside one that others of its source's records are missing from,
    because they are in the other split, lies a `.numbers.npy`.

    Args:
      params: What to bring in.
      beam: Where Beam runs, and how remote files are reached.
      out: Gets `<split>-<k>-of-<n>.tfrecord`.
      say: Told what is read.

    Returns:
      TFRecord files of records that were whole in their source; whether they are the right ones is for `validate`.

    Raises:
      DatasetNotFound: Nothing lies where the settings say, or it could not be reached or downloaded.
      BadData: A file is cut off or corrupt, a split is missing or empty, or a file has not the records it should.
      BeamFailed: The runner lost or doubled work.
    """
    parts = out / PARTS
    parts.mkdir()
    found = _find(params, beam, say)
    sources = _told_columns(found, beam, out, say)
    jobs = _jobs(params, sources, beam, parts)
    say(f"reading {len(jobs)} files of {', '.join(sources)}")
    names = [job.source.path for job in jobs]
    copied = map_jobs(beam, jobs, copy_source, out, names=names, alone_s=found.alone_s)
    for name, done in zip(names, copied, strict=True):
        if (written := sum(shard.records for shards in done.shards.values() for shard in shards)) != done.read:
            raise BeamFailed(f"{name}: read {done.read:,} records, but wrote {written:,}; run again")
    splits = tuple(_gather(name, jobs, copied, out) for name in params.split_names)
    shutil.rmtree(parts)
    if found.classes:
        (out / CLASSES_FILE).write_text("".join(f"{name}\n" for name in found.classes), "utf-8")
    passed_over = () if params.folder is None else unknown_files(str(params.folder), params.splits, beam)
    return Examples(path=out, splits=splits, passed_over=passed_over)


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What is to be read.

    Attributes:
      sources: By split.
      size_bytes: What all of it takes.
      classes: The class name of each label, of images by class.
    """

    sources: Mapping[str, Sequence[Source]]
    size_bytes: int
    classes: Sequence[str] = ()

    @property
    def alone_s(self) -> float:
        """How long one process copies it, roughly."""
        framed = all(isinstance(source, TfrecordFile) for split in self.sources.values() for source in split)
        return self.size_bytes / (RECORD_BYTES_PER_S if framed else OTHER_BYTES_PER_S)


def _find(params: IngestParams, beam: BeamSettings, say: Say) -> _Found:
    if not _has_own_files(params):
        return _find_prepared(params, say)
    files = _own_files(params, beam)
    paths = {split: [file.path for file in found] for split, found in files.items()}
    size_bytes = sum(file.size_bytes for found in files.values() for file in found)
    return _Found(sources=sources_of(paths), size_bytes=size_bytes, classes=classes_of(paths))


def _find_prepared(params: IngestParams, say: Say) -> _Found:
    prepared = find_prepared(params.dataset, params.data_dir.absolute())
    if prepared is None:
        say(f"downloading {params.dataset} with TensorFlow Datasets")
        prepared = prepare(params.dataset, params.data_dir.absolute())
    sources = prepared_sources(prepared, params.splits)
    size_bytes = sum(Path(source.path).stat().st_size for split in sources.values() for source in split)
    return _Found(sources=sources, size_bytes=size_bytes)


def _has_own_files(params: IngestParams) -> bool:
    return bool(params.files) or params.folder is not None


def _own_files(params: IngestParams, beam: BeamSettings) -> dict[str, list[FoundFile]]:
    if params.folder is not None:
        found = folder_files(str(params.folder), params.splits, beam)
    else:
        found = pattern_files(params.files, params.splits, beam)
    # By a path that workers understand, whatever folder they work in.
    return {
        split: [file if is_remote(file.path) else replace(file, path=str(Path(file.path).absolute())) for file in files]
        for split, files in found.items()
    }


def _as_read(file: FoundFile) -> Path | Stated:
    if not is_remote(file.path):
        return Path(file.path)
    return Stated(name=file.path, facts=f"{file.size_bytes} bytes, changed {file.changed_s}")


def _told_columns(found: _Found, beam: BeamSettings, out: Path, say: Say) -> Mapping[str, Sequence[Source]]:
    """The sources, those of CSV with what their columns hold, by all rows of all of them."""
    tables = [source.path for split in found.sources.values() for source in split if isinstance(source, CsvFile)]
    if not tables:
        return found.sources
    say(f"looking through the columns of {len(tables)} CSV files")
    kinds = column_kinds(tables, beam, out, found.size_bytes)
    return {split: [with_kinds(source, kinds) for source in sources] for split, sources in found.sources.items()}


def _jobs(
    params: IngestParams, sources: Mapping[str, Sequence[Source]], beam: BeamSettings, parts: Path
) -> list[CopyJob]:
    return [
        CopyJob(
            split=split,
            source=source,
            held_out=params.validation_share if split == params.validation_from else 0.0,
            parts=parts,
            beam=beam,
        )
        for split, found in sources.items()
        for source in found
    ]


def _gather(name: str, jobs: Sequence[CopyJob], copied: Sequence[Copied], out: Path) -> Split:
    """The shards of one split, each moved to the place that its number among all of them gives it."""
    written = [shard for done in copied for shard in done.shards.get(name, ())]
    if not written:
        raise BadData(_why_empty(name, jobs))
    files = (out / f"{name}-{number:05d}-of-{len(written):05d}.tfrecord" for number in range(len(written)))
    return Split(name=name, shards=tuple(map(move_shard, written, files)))


def _why_empty(name: str, jobs: Sequence[CopyJob]) -> str:
    taken_from = [job for job in jobs if job.split == name or (name == VALIDATION and job.held_out)]
    held_out = "; change validation_share" if any(job.held_out for job in taken_from) else ""
    return f"split {name!r} is empty: no record in {', '.join(job.source.path for job in taken_from)}{held_out}"
