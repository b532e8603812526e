"""Finds the files that hold the examples: a prepared TFDS data set, or a folder of TFRecords or images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from components.errors import BadData, DatasetNotFound
from components.examples_io import encode_example
from components.tfrecord import read_records

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True, kw_only=True)
class TfrecordFile:
    """One TFRecord file, plain or gzip-compressed.

    Attributes:
      path: The file.
      stated: How many records its metadata say it holds; None if they say nothing.
    """

    path: Path
    stated: int | None = None

    def files(self) -> tuple[Path, ...]:
        """The files read."""
        return (self.path,)

    def records(self) -> Iterator[bytes]:
        """Its records in order.

        Raises:
          BadData: The file is cut off or corrupt.
        """
        return read_records(self.path)


@dataclass(frozen=True, kw_only=True)
class ClassFolder:
    """The images of one class; record N is the Nth image by name.

    Attributes:
      path: The folder.
      label: The class number of all its images.
    """

    path: Path
    label: int
    stated: None = None

    def files(self) -> tuple[Path, ...]:
        """The images, in record order."""
        return tuple(sorted(file for file in self.path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES))

    def records(self) -> Iterator[bytes]:
        """One example for each image."""
        return (encode_example(file.read_bytes(), self.label) for file in self.files())


Source: TypeAlias = TfrecordFile | ClassFolder


def folder_sources(folder: Path, splits: Sequence[str]) -> dict[str, list[Source]]:
    """By split, what lies in `<folder>/<split>/`: `*.tfrecord*` files, or a sub-folder of images for each class.

    Raises:
      DatasetNotFound: There is no such folder.
      BadData: A split is missing or has neither.
    """
    if not folder.is_dir():
        raise DatasetNotFound(f"{folder}: wanted a folder with a sub-folder for each split, got none; check `folder`")
    classes = class_names(folder, splits)
    return {split: _split_sources(folder / split, classes) for split in splits}


def class_names(folder: Path, splits: Sequence[str]) -> list[str]:
    """The names of the class folders of all `splits` that hold images, each one's place being its label.

    They are sorted by name, or by number where all are numbers.
    """
    places = [path for split in splits for path in folder.glob(f"{split}/*") if path.is_dir() and path.name[0] != "."]
    names = {path.name for path in places if ClassFolder(path=path, label=0).files()}
    return sorted(names, key=int) if all(name.isdecimal() for name in names) else sorted(names)


def _split_sources(folder: Path, classes: Sequence[str]) -> list[Source]:
    if not folder.is_dir():
        beside = ", ".join(sorted(path.name for path in folder.parent.iterdir() if path.is_dir())) or "no folder"
        raise BadData(f"{folder}: wanted a folder for split {folder.name!r}, got {beside} in {folder.parent}")
    tfrecords = sorted(file for file in folder.glob("*.tfrecord*") if file.is_file())
    if tfrecords:
        return [TfrecordFile(path=file) for file in tfrecords]
    images = [ClassFolder(path=folder / name, label=label) for label, name in enumerate(classes)]
    images = [source for source in images if source.path.is_dir() and source.files()]
    if not images:
        raise BadData(
            f"{folder}: split {folder.name!r} is empty: wanted *.tfrecord* files, "
            f"or *{' or *'.join(IMAGE_SUFFIXES)} in a folder for each class"
        )
    return list(images)
