"""Version folders: complete when a server can see them, and never changed after.

A model server loads every folder with a numeric name, half copied or not. So a version is copied aside under a name
that no server looks at, checked, flushed to disk, and only then renamed to its number.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO

from slipline.serving.errors import PublishFailed
from slipline.serving.folders.whole_file import flush_to_disk, locked

MANIFEST_NAME = "manifest.json"
CONFIG_NAME = "models.config"
DATABASE_NAME = "ledger.sqlite"
_ASIDE_PREFIX = ".publishing-"
RESTORING_PREFIX = ".restoring-"
DAMAGED_PREFIX = ".damaged-"
# What a model server takes for a version, by Abseil's rule: blanks around it, a sign and leading zeros are fine.
_NUMBER = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]+)[ \t\n\v\f\r]*")
_INT64 = range(-(2**63), 2**63)
_MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True, order=True)
class FileRecord:
    """One file of a version folder.

    Attributes:
      path: Relative to the folder, with `/` between its parts.
      size_bytes: Its length.
      sha256: Of its content, in hex.
    """

    path: str
    size_bytes: int
    sha256: str

    @classmethod
    def read(cls, path: str, stream: BinaryIO) -> FileRecord:
        """That of an open file, read in pieces."""
        sha256, size_bytes = hashlib.sha256(), 0
        while chunk := stream.read(1 << 20):
            sha256.update(chunk)
            size_bytes += len(chunk)
        return cls(path, size_bytes, sha256.hexdigest())


@dataclass(frozen=True)
class Manifest:
    """What a version folder holds; equal content has an equal manifest, wherever it lies.

    Attributes:
      files: Sorted by path; the manifest's own file is not among them. Empty folders are not recorded.
    """

    files: tuple[FileRecord, ...]

    @property
    def canonical(self) -> str:
        """The one JSON text for these files: sorted keys, no blanks, ASCII."""
        return json.dumps([asdict(file) for file in self.files], sort_keys=True, separators=(",", ":"))

    @property
    def digest(self) -> str:
        """sha256 of the canonical form, in hex."""
        return hashlib.sha256(self.canonical.encode()).hexdigest()

    @property
    def size_bytes(self) -> int:
        """Sum of the files' lengths."""
        return sum(file.size_bytes for file in self.files)

    def differences(self, place: str, files: Iterable[FileRecord]) -> tuple[str, ...]:
        """How the files found at a place differ from these, one sentence each."""
        wanted = {file.path: file for file in self.files}
        found = {file.path: file for file in files}
        return tuple(
            f"{place}/{path}: {_difference(wanted.get(path), found.get(path))}"
            for path in sorted(wanted.keys() | found.keys())
            if wanted.get(path) != found.get(path)
        )


def check_model_name(model: str) -> None:
    """Refuses a name that cannot be that of a folder beside the ledger's own files.

    Raises:
      PublishFailed: It has other characters than letters, digits, `_`, `-` and `.`, or is the name of such a file.
    """
    if not _MODEL_NAME.fullmatch(model):
        raise PublishFailed(
            f"a model's name has letters, digits, '_', '-' and '.', the first a letter or digit, got {model!r}; "
            "choose another"
        )
    if model.startswith(DATABASE_NAME) or model.endswith((".config", ".json")):
        raise PublishFailed(
            f"a model cannot be called {model!r}: files of the ledger, {DATABASE_NAME}*, *.config and *.json, lie in "
            "the same folder; choose another name"
        )


def manifest_of(folder: Path) -> Manifest:
    """What `folder` holds now.

    Raises:
      PublishFailed: The folder is missing, or holds something that is neither a file nor a folder.
    """
    if not folder.is_dir():
        raise PublishFailed(f"{folder}: wanted the folder of a SavedModel, there is none; export the model first")
    files = (_file_record(path, folder) for path in _files(folder) if path != folder / MANIFEST_NAME)
    return Manifest(tuple(sorted(files)))


def publish_folder(source: Path, model_root: Path, version: int) -> Manifest:
    """Makes `source` version `version` of the model in `model_root`: all of it, or nothing that a server would load.

    Callers that share a model root hold `locked(model_root)`, so that they do not choose the same number.

    Args:
      source: A SavedModel's folder; left as it is.
      model_root: Holds one numeric folder for each version; made if missing.
      version: A number not used yet.

    Returns:
      The manifest, which also lies in the new folder as `manifest.json`.

    Raises:
      PublishFailed: The version exists, the source cannot be read, or the copy failed or differs from its source.
    """
    destination = model_root / str(version)
    if os.path.lexists(destination):
        raise PublishFailed(f"{destination} exists, and a published version is never changed; take a new number")
    aside = model_root / f"{_ASIDE_PREFIX}{version}-{uuid.uuid4().hex}"
    manifest = _manifest_to_copy(source)
    try:
        _copy(source, aside, manifest)
        aside.rename(destination)
        flush_to_disk(model_root)
    except OSError as error:
        raise PublishFailed(
            f"cannot copy {source} ({manifest.size_bytes} bytes) to {destination}: {error.strerror or error}; "
            f"nothing was published. Make room or mend the permissions in {model_root}, then publish again"
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)  # gone already if it was renamed
    return manifest


def copy_folder(source: Path, target: Path) -> Manifest:
    """Copies a SavedModel's folder to one to be made, with its manifest, checked and flushed to disk.

    Raises:
      PublishFailed: The source cannot be read or holds nothing, or the copy differs from it.
      OSError: The copy cannot be written.
    """
    manifest = _manifest_to_copy(source)
    _copy(source, target, manifest)
    return manifest


def verify(folder: Path) -> tuple[str, ...]:
    """How a published version folder differs from its manifest, one sentence each; nothing if it is intact."""
    return _problems(folder, lambda recorded: manifest_of(folder).files)


def verify_sizes(folder: Path) -> tuple[str, ...]:
    """What `verify` says, as far as it shows without reading the files: those that are missing or of another length."""

    def there(recorded: Manifest) -> list[FileRecord]:
        found = [(file, folder / file.path) for file in recorded.files if (folder / file.path).is_file()]
        return [replace(file, size_bytes=path.stat().st_size) for file, path in found]

    return _problems(folder, there)


def _problems(folder: Path, found: Callable[[Manifest], Iterable[FileRecord]]) -> tuple[str, ...]:
    if not folder.is_dir():
        return (f"{folder}: the folder is missing",)
    try:
        recorded = read_manifest(folder)
        return recorded.differences(str(folder), found(recorded))
    except PublishFailed as error:
        return (str(error),)


def read_manifest(folder: Path) -> Manifest:
    """The manifest that was written when `folder` was published.

    Raises:
      PublishFailed: There is none, or it cannot be read.
    """
    path = folder / MANIFEST_NAME
    try:
        return parse_manifest(path.read_bytes(), str(path))
    except OSError as error:
        raise PublishFailed(f"{path}: wanted the manifest of a published version: {error.strerror}") from error


def parse_manifest(text: bytes, where: str) -> Manifest:
    """The manifest in the JSON `text` that was read at `where`.

    Raises:
      PublishFailed: It is none.
    """
    try:
        return Manifest(tuple(FileRecord(**record) for record in json.loads(text)))
    except (ValueError, TypeError) as error:
        raise PublishFailed(f"{where}: wanted the manifest of a published version, got {error}") from error


def find_versions(base_path: Path) -> dict[int, Path]:
    """Every child of `base_path` whose whole name is a 64-bit number; of two with one number the last in order.

    Raises:
      OSError: The folder cannot be listed.
    """
    versions = {}
    for child in sorted(base_path.iterdir()):
        match = _NUMBER.fullmatch(child.name)
        if match and int(match[1]) in _INT64:
            versions[int(match[1])] = child
    return versions


def numbered_versions(model_root: Path) -> set[int]:
    """Every number that a model server would see in `model_root`."""
    return set(find_versions(model_root)) if model_root.is_dir() else set()


def remove_leftovers(model_root: Path) -> tuple[Path, ...]:
    """Removes copies aside that a crash left in `model_root`, and damaged ones, after any publishing under way.

    Returns:
      The folders removed.
    """
    if not model_root.is_dir():
        return ()
    with locked(model_root):
        prefixes = (_ASIDE_PREFIX, RESTORING_PREFIX, DAMAGED_PREFIX)
        leftovers = tuple(sorted(path for prefix in prefixes for path in model_root.glob(f"{prefix}*")))
        for folder in leftovers:
            shutil.rmtree(folder)
    return leftovers


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            # A link's target can be edited later; a version cannot.
            raise PublishFailed(f"{path}: a version holds files and folders only; put the file itself there")
        if path.is_dir():
            yield from _files(path)
        else:
            yield path


def _file_record(path: Path, folder: Path) -> FileRecord:
    try:
        with path.open("rb") as file:
            return FileRecord.read(path.relative_to(folder).as_posix(), file)
    except OSError as error:
        raise PublishFailed(f"{path}: cannot be read: {error.strerror}; mend its permissions") from error


def _manifest_to_copy(source: Path) -> Manifest:
    manifest = manifest_of(source)
    if not manifest.files:
        raise PublishFailed(f"{source}: wanted the folder of a SavedModel, it is empty; export the model first")
    return manifest


def _copy(source: Path, aside: Path, manifest: Manifest) -> None:
    aside.mkdir(parents=True)
    for file in manifest.files:
        copy = aside / file.path
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / file.path, copy)
    (aside / MANIFEST_NAME).write_text(manifest.canonical)
    if problems := verify(aside):
        raise PublishFailed(f"{source} changed while it was published: {'; '.join(problems)}. Publish it again")
    for path in _files(aside):
        flush_to_disk(path)
    for folder in {aside, *((aside / file.path).parent for file in manifest.files)}:
        flush_to_disk(folder)


def _difference(wanted: FileRecord | None, found: FileRecord | None) -> str:
    """How a file differs from what the manifest says of it, in words."""
    if wanted is None:
        return "not in the manifest"
    if found is None:
        return "missing"
    if wanted.size_bytes != found.size_bytes:
        return f"{found.size_bytes} bytes, the manifest says {wanted.size_bytes}"
    return f"sha256 {found.sha256}, the manifest says {wanted.sha256}"
