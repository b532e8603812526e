"""Reads input files as blocks: the records that the model is asked about together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from slipline.components.batch_prediction.contract import EXAMPLES, IMAGES
from slipline.components.batch_prediction.request import BatchRequest
from slipline.components.errors import BadData
from slipline.components.examples.example_records import parse_example
from slipline.components.files.file_systems import is_remote, opened, opened_raw, set_options
from slipline.components.sources.csv_source import CsvFile
from slipline.components.sources.file_kinds import TfrecordFile
from slipline.components.sources.idx_source import IdxPair
from slipline.components.sources.image_folder_source import class_name, folder_of
from slipline.components.sources.parquet_source import ParquetFile
from slipline.serving.folders.version_folder import FileRecord
from slipline.serving.wire.example_pb2 import Example

RecordFile: TypeAlias = TfrecordFile | CsvFile | ParquetFile | IdxPair


@dataclass(frozen=True, kw_only=True)
class ImageFiles:
    """Image files, each a record.

    Attributes:
      path: What messages call them together.
      images: Their paths.
    """

    path: str
    images: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ReadJob:
    """One input to be read.

    Attributes:
      source: What is read.
      number: Its place among all inputs; the images of all inputs are one.
      first: The number in that input of its first record.
    """

    source: RecordFile | ImageFiles
    number: int
    first: int = 0

    @property
    def signature(self) -> str:
        """The one of the model that takes such records."""
        return IMAGES if isinstance(self.source, ImageFiles) else EXAMPLES


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One record that can be asked about.

    Attributes:
      content: A serialized `tf.Example`, or an encoded image.
      file: Where it lies.
      number: Its place there, from 0.
      key: What tells it from others, if it says so.
      label: Its right class, if it has one.
    """

    content: bytes
    file: str
    number: int
    key: str | None
    label: int | None


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One record that could not be predicted.

    Attributes:
      file: Where it lies.
      record: Its place there, from 0.
      key: What tells it from others, if that could be read.
      reason: Why.
    """

    file: str
    record: int
    key: str | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class Block:
    """Neighbouring records of one input.

    Attributes:
      first: The number in the input of the first of them.
      signature: The one of the model that takes them.
      records: Those to ask about.
      failed: Those that could not even be read.
    """

    first: int
    signature: str
    records: tuple[Record, ...]
    failed: tuple[Failure, ...]

    @property
    def size(self) -> int:
        """How many records there were."""
        return len(self.records) + len(self.failed)


@dataclass(frozen=True, kw_only=True)
class InputRead:
    """What was found in the input of one job.

    Attributes:
      job: The job's place among all.
      records: How many, those that could not be read included.
      files: The content of its files, as far as they could be read.
    """

    job: int
    records: int
    files: tuple[FileRecord, ...]


def read_blocks(
    place: int, job: ReadJob, request: BatchRequest, class_names: Sequence[str]
) -> Iterator[Block | InputRead]:
    """The records of one job in blocks, and last how many there were.

    Args:
      place: The job's place among all.
      job: What is read.
      request: How.
      class_names: Of each class; an image in a folder of that name has its label.
    """
    if is_remote(job.source.path):
        set_options(request.beam)
    source, digests, done = job.source, list[FileRecord](), 0
    read = _images(source, class_names, digests) if isinstance(source, ImageFiles) else _records(source, request)
    for held in iter(lambda: list(islice(read, request.batch_size)), []):
        yield Block(
            first=job.first + done,
            signature=job.signature,
            records=tuple(one for one in held if isinstance(one, Record)),
            failed=tuple(one for one in held if isinstance(one, Failure)),
        )
        done += len(held)
    if not isinstance(source, ImageFiles):
        digests.extend(_digests(source))
    yield InputRead(job=place, records=done, files=tuple(digests))


def _records(source: RecordFile, request: BatchRequest) -> Iterator[Record | Failure]:
    """A file that is cut off or damaged ends with one failure: nobody knows what would follow."""
    number = 0
    try:
        for content in source.records():
            yield _record(content, source.path, number, request)
            number += 1
    except BadData as error:
        yield Failure(
            file=source.path, record=number, key=None, reason=f"{error}; no record from here on was predicted"
        )


def _record(content: bytes, file: str, number: int, request: BatchRequest) -> Record | Failure:
    example = parse_example(content)
    if example is None:
        return Failure(file=file, record=number, key=None, reason="wanted a tf.Example, got other bytes")
    return Record(
        content=content,
        file=file,
        number=number,
        key=_key(example, request.key_feature),
        label=_integer(example, request.label_feature),
    )


def _integer(example: Example, name: str) -> int | None:
    values = example.features.feature[name].int64_list.value
    return values[0] if len(values) == 1 else None


def _key(example: Example, name: str) -> str | None:
    features = example.features.feature
    if name not in features:
        return None
    if len(features[name].bytes_list.value) == 1:
        return features[name].bytes_list.value[0].decode("utf-8", "replace")
    number = _integer(example, name)
    return None if number is None else str(number)


def _images(source: ImageFiles, class_names: Sequence[str], digests: list[FileRecord]) -> Iterator[Record | Failure]:
    labels = {name: label for label, name in enumerate(class_names)}
    for path in source.images:
        try:
            with opened(path) as stream:
                content = stream.read()
        except (BadData, OSError) as error:
            yield Failure(file=path, record=0, key=None, reason=str(error))
            continue
        digests.append(FileRecord(path, len(content), hashlib.sha256(content).hexdigest()))
        label = labels.get(class_name(folder_of(path)))
        yield Record(content=content, file=path, number=0, key=None, label=label)


def _digests(source: RecordFile) -> Iterator[FileRecord]:
    for path in (source.first, source.second) if isinstance(source, IdxPair) else (source.path,):
        try:
            yield digest_of(path)
        except (BadData, OSError):
            continue  # which is a failure already


def digest_of(path: str) -> FileRecord:
    """Size and digest of a file, local or remote, read in pieces."""
    with opened_raw(path) as stream:
        return FileRecord.read(path, stream)
