"""Copies of releases in object stores: complete when a server can load them, and never changed after.

An object store has no rename. So a copy's `saved_model.pb`, without which no model server loads a folder, is written
last, after all else was read back and found to be what the manifest says. A copy without it was interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from slipline.serving.errors import PublishFailed
from slipline.serving.folders.version_folder import (
    MANIFEST_NAME,
    FileRecord,
    Manifest,
    parse_manifest,
    read_manifest,
)

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

LAST_FILES = ("saved_model.pb", "saved_model.pbtxt", "saved_model.cpb")
"""The names by which a model server knows a SavedModel."""

_BY_ARROW = ("s3", "gs")


def ensure_copy(folder: Path, url: str, version: int) -> bool:
    """Sees to it that the store holds an intact copy of a release; whether one had to be made.

    One caller at a time for each version: the ledger's lock sees to that.

    Args:
      folder: The version folder, intact.
      url: Of the model's folder there, such as `s3://bucket/releases/mnist`.
      version: Its number.

    Raises:
      PublishFailed: The store cannot be read or written, or holds this version with other content.
    """
    destination = f"{url}/{version}"
    with _opened(destination) as (store, path):
        manifest = read_manifest(folder)
        if not any(store.exists(f"{path}/{name}") for name in LAST_FILES):
            _copy(store, folder, path, manifest)
            return True
        problems = _differences(store, path, manifest)
    if problems:
        raise PublishFailed(
            f"{destination} is not what was published: {'; '.join(problems)}. Remove that copy, and the next promotion "
            "or `slipline releases reconcile` makes it anew"
        )
    return False


def renew_copy(folder: Path, url: str, version: int) -> None:
    """Makes a damaged copy anew, its `saved_model.pb` taken away first, so that no server loads half of each.

    Args:
      folder: The version folder, intact.
      url: As in `ensure_copy`.
      version: Its number.

    Raises:
      PublishFailed: The store cannot be read or written.
    """
    destination = f"{url}/{version}"
    with _opened(destination) as (store, path):
        for name in LAST_FILES:
            if store.exists(f"{path}/{name}"):
                store.rm_file(f"{path}/{name}")
        _copy(store, folder, path, read_manifest(folder))


def verify_copy(url: str, version: int) -> tuple[str, ...]:
    """How a copy differs from its own manifest, one sentence each; nothing if it is intact.

    Args:
      url: As in `ensure_copy`.
      version: Its number.
    """
    destination = f"{url}/{version}"
    try:
        with _opened(destination) as (store, path):
            if not store.exists(f"{path}/{MANIFEST_NAME}"):
                return (f"{destination}: there is no copy",)
            manifest = parse_manifest(store.cat_file(f"{path}/{MANIFEST_NAME}"), f"{destination}/{MANIFEST_NAME}")
            return _differences(store, path, manifest)
    except PublishFailed as error:
        return (str(error),)


def fetch_copy(url: str, version: int, target: Path) -> Manifest:
    """Copies a release back from a store to the empty folder `target`; its manifest.

    Raises:
      PublishFailed: There is none, or it is damaged.
    """
    if problems := verify_copy(url, version):
        raise PublishFailed("; ".join(problems))
    destination = f"{url}/{version}"
    with _opened(destination) as (store, path):
        manifest = parse_manifest(store.cat_file(f"{path}/{MANIFEST_NAME}"), f"{destination}/{MANIFEST_NAME}")
        for name in (MANIFEST_NAME, *(file.path for file in manifest.files)):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            store.get_file(f"{path}/{name}", str(target / name))
    return manifest


def _copy(store: AbstractFileSystem, folder: Path, path: str, manifest: Manifest) -> None:
    last = [file.path for file in manifest.files if file.path in LAST_FILES]
    first = [MANIFEST_NAME, *(file.path for file in manifest.files if file.path not in LAST_FILES)]
    for left in set(_listed(store, path)) - set(first):
        store.rm_file(f"{path}/{left}")  # of an interrupted copy
    for name in first:
        store.put_file(str(folder / name), f"{path}/{name}")
    if problems := [text for text in _differences(store, path, manifest) if not text.startswith(_missing(path, last))]:
        raise PublishFailed(f"the copy at {path} is not what was written: {'; '.join(problems)}. Try again")
    for name in last:
        store.put_file(str(folder / name), f"{path}/{name}")
    if problems := list(_differences(store, path, manifest)):
        for name in last:
            store.rm_file(f"{path}/{name}")  # and no server loads it
        raise PublishFailed(f"the copy at {path} is not what was written: {'; '.join(problems)}. Try again")


def _missing(path: str, names: list[str]) -> tuple[str, ...]:
    return tuple(f"{path}/{name}: missing" for name in names)


def _differences(store: AbstractFileSystem, path: str, manifest: Manifest) -> tuple[str, ...]:
    listed = set(_listed(store, path)) - {MANIFEST_NAME}
    return manifest.differences(path, [_record(store, path, name) for name in listed])


def _listed(store: AbstractFileSystem, path: str) -> Iterator[str]:
    """The files below `path`, relative to it."""
    store.invalidate_cache()
    if store.exists(path):
        for name in store.find(path):
            yield str(name).removeprefix(f"{path}/")


def _record(store: AbstractFileSystem, path: str, name: str) -> FileRecord:
    with store.open(f"{path}/{name}", "rb") as file:
        return FileRecord.read(name, file)


@contextmanager
def _opened(destination: str) -> Iterator[tuple[AbstractFileSystem, str]]:
    """The store's file system, and the path in it; errors of the block are ours."""
    try:
        yield _file_system(destination)
    except (OSError, ImportError, ValueError) as error:
        words = str(error).partition("\n")[0]
        raise PublishFailed(
            f"{destination} cannot be read or written: {words}; check its address, the credentials and the connection"
        ) from error


def _file_system(url: str) -> tuple[AbstractFileSystem, str]:
    """How the store is reached.

    S3 and Google's go through pyarrow, which Beam brings along: s3fs pins a botocore of its own. Credentials are found
    as usual (environment, configuration files, the machine's role); `AWS_ENDPOINT_URL` names another S3 server.
    """
    if url.partition("://")[0] not in _BY_ARROW:
        from fsspec.core import url_to_fs  # type: ignore[import-untyped]

        store, path = url_to_fs(url)
        return store, str(path)
    from fsspec.implementations.arrow import ArrowFSWrapper  # type: ignore[import-untyped]
    from pyarrow.fs import FileSystem

    arrow, path = FileSystem.from_uri(url)
    return ArrowFSWrapper(arrow), path
