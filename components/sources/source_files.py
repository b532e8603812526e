"""Finds the files of each split, in a folder with a sub-folder for each, or by glob patterns; local or remote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from slipline.components.beam.beam_options import BeamSettings
from slipline.components.errors import BadData, DatasetNotFound
from slipline.components.files.file_systems import FoundFile, find_files, is_one_line, is_remote, literal
from slipline.components.sources.file_kinds import KINDS_TEXT, FileKind, kind_of


def folder_files(folder: str, splits: Sequence[str], beam: BeamSettings) -> dict[str, list[FoundFile]]:
    """By split, the files of a known kind in `<folder>/<split>/`, images in a folder for each class there.

    Files of other kinds are left where they are.

    Raises:
      DatasetNotFound: There is no such folder.
      BadData: A split is missing or has none.
    """
    _check_folders(folder, splits)
    return {split: _folder_split(f"{folder.rstrip('/')}/{split}", beam) for split in splits}


def pattern_files(
    patterns: Mapping[str, str | tuple[str, ...]], splits: Sequence[str], beam: BeamSettings
) -> dict[str, list[FoundFile]]:
    """By split, the files that its glob patterns match, pattern by pattern.

    Raises:
      BadData: A pattern matches nothing or what another one does too, or a file is of no known kind.
    """
    return {split: _pattern_split(split, patterns[split], beam) for split in splits}


NAMED_UNKNOWN = 100


def unknown_files(folder: str, splits: Sequence[str], beam: BeamSettings) -> tuple[str, ...]:
    """The first of the files in `<folder>/<split>/`, or a folder there, that `folder_files` leaves where they are."""
    return tuple(
        file.path
        for split in splits
        for depth, pattern in enumerate(("*", "*/*"))
        for file in find_files(f"{literal(folder.rstrip('/'))}/{literal(split)}/{pattern}", beam)
        if kind_of(file.path) is None or (kind_of(file.path) is FileKind.IMAGE) != (depth == 1)
    )[:NAMED_UNKNOWN]


def _folder_split(folder: str, beam: BeamSettings) -> list[FoundFile]:
    beside = find_files(f"{literal(folder)}/*", beam)
    found = [file for file in beside if kind_of(file.path) not in (None, FileKind.IMAGE)]
    images = [file for file in find_files(f"{literal(folder)}/*/*", beam) if kind_of(file.path) is FileKind.IMAGE]
    if not found and not images:
        got = ", ".join(sorted({_shown(file.path.rpartition("/")[2]) for file in beside})[:3]) or "no file"
        raise BadData(f"{folder}: split {Path(folder).name!r} is empty: wanted {KINDS_TEXT}; got {got}")
    for file in found + images:
        _check_name(file.path)
    return found + images


def _pattern_split(split: str, patterns: str | tuple[str, ...], beam: BeamSettings) -> list[FoundFile]:
    found: dict[str, FoundFile] = {}
    for pattern in (patterns,) if isinstance(patterns, str) else patterns:
        files = find_files(pattern, beam)
        if not files:
            raise BadData(f"{pattern}: no file matches this pattern of split {split!r}; mend `files`")
        for file in files:
            _check_name(file.path)
            if kind_of(file.path) is None:
                raise BadData(f"{file.path}: of no known kind, which the name tells: {KINDS_TEXT}; mend `files`")
            if file.path in found:
                raise BadData(f"{file.path}: two patterns of split {split!r} match this file; mend `files`")
            found[file.path] = file
    return list(found.values())


def _check_name(path: str) -> None:
    if not is_one_line(path):  # it could be stored in no listing
        raise BadData(f"{_shown(path)}: wanted a file name of UTF-8 text without line breaks; rename it")


def _shown(path: str) -> str:
    return path if is_one_line(path) else ascii(path)


def _check_folders(folder: str, splits: Sequence[str]) -> None:
    if is_remote(folder):  # where there are no folders, only files with slashes in their names
        return
    if not Path(folder).is_dir():
        raise DatasetNotFound(f"{folder}: wanted a folder with a sub-folder for each split, got none; check `folder`")
    names = sorted(_shown(path.name) for path in Path(folder).iterdir() if path.is_dir())
    for split in splits:
        if split not in names:
            raise BadData(
                f"{folder}/{split}: wanted a folder for split {split!r}, got {', '.join(names) or 'no folder'} "
                f"in {folder}"
            )
