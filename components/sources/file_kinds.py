"""Sorts files by kind and makes them sources: each yields the examples of one or more files, in order."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from slipline.components.errors import BadData
from slipline.components.examples.example_records import ValueKind
from slipline.components.files.tfrecord_files import read_records
from slipline.components.sources.csv_source import CsvFile
from slipline.components.sources.idx_source import IdxPair
from slipline.components.sources.image_folder_source import IMAGE_SUFFIXES, ClassImages, class_images, class_names
from slipline.components.sources.parquet_source import ParquetFile


@dataclass(frozen=True, kw_only=True)
class TfrecordFile:
    """One TFRecord file, plain or gzip-compressed; its records are taken as they are.

    Attributes:
      path: The file.
      stated: How many records its metadata say it holds; None if they say nothing.
    """

    path: str
    stated: int | None = None

    def records(self) -> Iterator[bytes]:
        """Its records in order.

        Raises:
          BadData: The file is cut off or corrupt.
        """
        return read_records(self.path)


Source: TypeAlias = TfrecordFile | ClassImages | IdxPair | CsvFile | ParquetFile
"""Has a `path` for messages and `records()`, which yields serialized examples or raises BadData."""


class FileKind(enum.Enum):
    """The kinds of files that hold examples, and how they are named."""

    TFRECORD = "*.tfrecord*"
    CSV = "*.csv or *.csv.gz"
    PARQUET = "*.parquet"
    IDX = "*-ubyte or *-ubyte.gz"
    IMAGE = f"<class name>/*{' or *'.join(IMAGE_SUFFIXES)}"


KINDS_TEXT = "; ".join(kind.value for kind in FileKind)


def kind_of(path: str) -> FileKind | None:
    """What a file's name says it holds; None if it says nothing known."""
    name = path.rpartition("/")[2].lower()
    unpacked = name.removesuffix(".gz")
    if unpacked.endswith(".csv"):
        return FileKind.CSV
    if name.endswith(".parquet"):
        return FileKind.PARQUET
    if unpacked.endswith("-ubyte") or ".idx" in unpacked:
        return FileKind.IDX
    if name.endswith(IMAGE_SUFFIXES):
        return FileKind.IMAGE
    return FileKind.TFRECORD if ".tfrecord" in name or "_tfrecord-" in name else None  # the latter as TFX names them


def sources_of(files: Mapping[str, Sequence[str]]) -> dict[str, list[Source]]:
    """By split, the sources that its files are; images of all splits share the class numbers.

    Args:
      files: By split, its files, of known kinds and sorted.

    Raises:
      BadData: A split has files of different kinds, or IDX files that are no pair.
    """
    classes = classes_of(files)
    return {split: _sources(split, paths, classes) for split, paths in files.items()}


def classes_of(files: Mapping[str, Sequence[str]]) -> list[str]:
    """The class names of the images among the files, each one's place being its label; empty if there are none."""
    return class_names([path for paths in files.values() for path in paths if kind_of(path) is FileKind.IMAGE])


def with_kinds(source: Source, kinds: tuple[tuple[str, ValueKind], ...]) -> Source:
    """The source told what the columns of all CSV files hold."""
    return replace(source, kinds=kinds) if isinstance(source, CsvFile) else source


def _sources(split: str, paths: Sequence[str], classes: Sequence[str]) -> list[Source]:
    kind = _only_kind(split, paths)
    if kind is FileKind.IMAGE:
        return list(class_images(paths, classes))
    return [idx_pair(paths, f"split {split!r}: ")] if kind is FileKind.IDX else [*files_of_records(paths)]


def files_of_records(paths: Sequence[str]) -> list[TfrecordFile | CsvFile | ParquetFile]:
    """Those of the files that hold records and need no other file for it, in their order."""
    kinds = {FileKind.TFRECORD: TfrecordFile, FileKind.CSV: CsvFile, FileKind.PARQUET: ParquetFile}
    return [kinds[kind](path=path) for path in paths if (kind := kind_of(path)) in kinds]


def _only_kind(split: str, paths: Sequence[str]) -> FileKind | None:
    examples = {kind_of(path): path for path in paths}
    if len(examples) > 1:
        raise BadData(
            f"split {split!r}: wanted files of one kind, got {' and '.join(sorted(examples.values()))}; "
            "leave one of them out, or convert it"
        )
    return next(iter(examples), None)


def idx_pair(paths: Sequence[str], where: str = "") -> IdxPair:
    """The pair that two IDX files are; `where` begins the message.

    Raises:
      BadData: They are not two.
    """
    if len(paths) != 2:
        raise BadData(f"{where}wanted two IDX files, one of images and one of labels, got {', '.join(paths)}")
    return IdxPair(first=paths[0], second=paths[1])
