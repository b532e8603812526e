"""Folders of images, one for each class, as a source of examples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slipline.components.examples.example_records import encode_example
from slipline.components.files.file_systems import opened

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
IMAGES_IN_JOB = 10_000
"""Images are files of their own, so one class may be read by many workers."""


@dataclass(frozen=True, kw_only=True)
class ClassImages:
    """Images of one class; record N is the Nth of them.

    Attributes:
      path: The folder they lie in, named as the class.
      images: The image files, in record order.
      label: The class number of all of them.
    """

    path: str
    images: tuple[str, ...]
    label: int

    def records(self) -> Iterator[bytes]:
        """One example for each image: the file's bytes, whatever they are, and the label."""
        for image in self.images:
            with opened(image) as stream:
                yield encode_example(stream.read(), self.label)


def class_images(images: Sequence[str], classes: Sequence[str]) -> list[ClassImages]:
    """The images by class, in the order of `classes`, and of one class in the order given.

    Args:
      images: Image files, each in a folder named as its class.
      classes: Every class name, its place being its label.

    Returns:
      For each class that has images one source or, of very many images, several.
    """
    by_folder: dict[str, list[str]] = {}
    for image in images:
        by_folder.setdefault(folder_of(image), []).append(image)
    labels = {name: label for label, name in enumerate(classes)}
    folders = sorted(by_folder, key=lambda folder: labels[class_name(folder)])
    return [
        ClassImages(
            path=folder,
            images=tuple(by_folder[folder][start : start + IMAGES_IN_JOB]),
            label=labels[class_name(folder)],
        )
        for folder in folders
        for start in range(0, len(by_folder[folder]), IMAGES_IN_JOB)
    ]


def class_names(images: Sequence[str]) -> list[str]:
    """The names of the folders that the images lie in, sorted by name, or by number where all are numbers."""
    names = {class_name(folder_of(image)) for image in images}
    return sorted(names, key=int) if all(name.isdecimal() for name in names) else sorted(names)


def folder_of(path: str) -> str:
    """The path of the folder that a file lies in."""
    return path.rpartition("/")[0]


def class_name(folder: str) -> str:
    """The last part of a folder's path."""
    return folder.rpartition("/")[2]
