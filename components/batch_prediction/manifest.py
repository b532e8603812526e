"""What a folder of predictions says of itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

from slipline.components.batch_prediction.blocks import ImageFiles, InputRead, ReadJob
from slipline.components.batch_prediction.request import Format
from slipline.components.sources.image_folder_source import folder_of
from slipline.serving.folders.version_folder import FileRecord

# Tools that read a folder as one table pass over names with an underscore.
MANIFEST = "_manifest.json"
FAILURES = "_failed.jsonl"


@dataclass(frozen=True, kw_only=True)
class ManifestInput:
    """One input: a file, a pair of files, or the images of one folder.

    Attributes:
      path: Where it lies.
      files: How many files.
      records: How many they have, those that could not be read included.
      size_bytes: Of all that could be read.
      sha256: Of the file's bytes; of several files, of their digests, a line each in the order of their paths.
    """

    path: str
    files: int
    records: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ManifestFile:
    """One file of predictions.

    Attributes:
      file: Its name.
      records: How many it has.
      sha256: Of its bytes.
    """

    file: str
    records: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A batch prediction, complete.

    Attributes:
      model: Which answered.
      version: Of it.
      digest: sha256 of the release's manifest.
      at: When it was done: UTC, ISO 8601.
      format: Of the files.
      batch_size: How many records the model was asked about at once.
      records: All that came in.
      predicted: Those in `files`.
      failed: The others, named in `_failed.jsonl`.
      labelled: Those predicted whose right class is known.
      accuracy: The share of them predicted right; None if there are none.
      inputs: What was read.
      files: What was written, in the order of the inputs.
    """

    model: str
    version: int
    digest: str
    at: str
    format: Format
    batch_size: int
    records: int
    predicted: int
    failed: int
    labelled: int
    accuracy: float | None
    inputs: tuple[ManifestInput, ...]
    files: tuple[ManifestFile, ...]

    def write(self, folder: Path) -> None:
        """Writes it to `_manifest.json` in `folder`."""
        (folder / MANIFEST).write_text(json.dumps(asdict(self), indent=1) + "\n", "utf-8")


def manifest_inputs(jobs: Sequence[ReadJob], read: Sequence[InputRead]) -> Iterator[ManifestInput]:
    """What was read, by what each job found; images by their folders."""
    images: list[str] = []
    digests: list[FileRecord] = []
    for job, found in zip(jobs, read, strict=True):
        if isinstance(job.source, ImageFiles):
            images.extend(job.source.images)
            digests.extend(found.files)
        else:
            yield _input(job.source.path, found.records, found.files)
    by_folder = {path: list(group) for path, group in groupby(digests, lambda digest: folder_of(digest.path))}
    for path, group in groupby(sorted(images), folder_of):
        yield _input(path, len(list(group)), by_folder.get(path, []))


def _input(path: str, records: int, files: Sequence[FileRecord]) -> ManifestInput:
    ordered = sorted(files, key=lambda file: file.path)
    lines = "".join(f"{file.sha256}\n" for file in ordered)
    return ManifestInput(
        path=path,
        files=len(files),
        records=records,
        size_bytes=sum(file.size_bytes for file in files),
        sha256=ordered[0].sha256 if len(ordered) == 1 else hashlib.sha256(lines.encode()).hexdigest(),
    )
