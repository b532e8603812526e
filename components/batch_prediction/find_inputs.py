"""Finds the files that the inputs name, and makes them jobs to be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slipline.components.batch_prediction.blocks import ImageFiles, ReadJob, RecordFile
from slipline.components.beam.beam_options import BeamSettings
from slipline.components.errors import BadData, DatasetNotFound
from slipline.components.files.file_systems import FoundFile, find_files, is_one_line, is_remote, literal
from slipline.components.sources.file_kinds import FileKind, files_of_records, idx_pair, kind_of

TAKEN = (FileKind.TFRECORD, FileKind.PARQUET, FileKind.IDX, FileKind.IMAGE)
"""CSV holds neither images nor serialized examples."""
TAKEN_TEXT = "*.tfrecord*; *.parquet; *.png, *.jpg or *.jpeg; two IDX files, *-ubyte or *-ubyte.gz"
IMAGES_IN_JOB = 1_000
"""Enough to make up for a job's overhead, few enough that there is something to share out."""


@dataclass(frozen=True, kw_only=True)
class FoundInputs:
    """What is to be read.

    Attributes:
      jobs: In the order of the answers.
      names: What messages call each input, by the `number` of its jobs.
      files: How many files that are.
      size_bytes: What they take together.
    """

    jobs: tuple[ReadJob, ...]
    names: tuple[str, ...]
    files: int
    size_bytes: int


def find_inputs(inputs: Sequence[str], beam: BeamSettings) -> FoundInputs:
    """The files that `inputs` name, in their order; those of one folder or pattern by path.

    Args:
      inputs: Files, folders, which are searched to any depth, and glob patterns, local or remote.
      beam: How remote file systems are reached.

    Raises:
      DatasetNotFound: There is no such file or folder, or nothing matches a pattern.
      BadData: A file is of no kind that can be read, or is named twice.
    """
    files: dict[str, FoundFile] = {}
    for name in inputs:
        for file in _files(name, beam):
            if file.path in files:
                raise BadData(f"{file.path}: named by two inputs; leave one out, or it would be predicted twice")
            files[file.path] = file
    sources = _sources(list(files))
    jobs = [job for number, source in enumerate(sources) for job in _jobs(source, number)]
    return FoundInputs(
        jobs=tuple(jobs),
        names=tuple(source.path for source in sources),
        files=len(files),
        size_bytes=sum(file.size_bytes for file in files.values()),
    )


def _files(name: str, beam: BeamSettings) -> list[FoundFile]:
    path = name if is_remote(name) else str(Path(name).absolute())
    if name.endswith("/") or (not is_remote(path) and Path(path).is_dir()):
        folder = path.rstrip("/")
        found = [file for file in find_files(f"{literal(folder)}/**", beam) if kind_of(file.path) in TAKEN]
        if not found:
            raise DatasetNotFound(f"{name}: wanted a folder with files of a known kind, {TAKEN_TEXT}; it has none")
    else:
        found = find_files(literal(path) if Path(path).is_file() else path, beam)
        if not found:
            raise DatasetNotFound(f"{name}: no file is there, or matches; check the path, and quote patterns")
    for file in found:
        if kind_of(file.path) not in TAKEN:
            raise BadData(f"{file.path}: of no kind that can be predicted, which the name tells: {TAKEN_TEXT}")
        if not is_one_line(file.path):  # it could not be told in a listing
            raise BadData(f"{file.path!a}: wanted a file name of UTF-8 text without line breaks; rename it")
    return found


def _sources(paths: Sequence[str]) -> list[RecordFile | ImageFiles]:
    """Files of records one by one, then the IDX files as one pair, then all the images together."""
    idx, images = ([path for path in paths if kind_of(path) is kind] for kind in (FileKind.IDX, FileKind.IMAGE))
    sources: list[RecordFile | ImageFiles] = [*files_of_records(paths)]
    if idx:
        sources.append(idx_pair(idx))
    if images:
        sources.append(ImageFiles(path=f"{len(images):,} images", images=tuple(images)))
    return sources


def _jobs(source: RecordFile | ImageFiles, number: int) -> list[ReadJob]:
    if not isinstance(source, ImageFiles):
        return [ReadJob(source=source, number=number)]
    starts = range(0, len(source.images), IMAGES_IN_JOB)
    return [
        ReadJob(
            source=ImageFiles(path=source.images[start], images=source.images[start : start + IMAGES_IN_JOB]),
            number=number,
            first=start,
        )
        for start in starts
    ]
