"""Publishing a release: its version folder, its row in the ledger, and its copies in the stores that servers read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from slipline.serving.folders.version_folder import (
    check_model_name,
    manifest_of,
    numbered_versions,
    publish_folder,
    read_manifest,
    verify,
)
from slipline.serving.releases.store.ledger_store import LedgerStore
from slipline.serving.releases.store.move_history import live_version
from slipline.serving.releases.store.records import NewRelease, ReleaseRow, utc_now


def publish_release(store: LedgerStore, root: Path, model: str, source: Path, *, by: str, origin: str) -> ReleaseRow:
    """The release of `source`: the next version of `model`, or the intact one that has this very content already.

    Args:
      store: The ledger's database.
      root: Holds a folder for each model.
      model: Its name.
      source: A SavedModel's folder; left as it is.
      by: Who publishes it.
      origin: The execution that made it.

    Raises:
      PublishFailed: The name is refused, or the folder cannot be read or copied.
      LedgerConflict: Somebody whose folder lies elsewhere took the same number.
    """
    check_model_name(model)
    digest = manifest_of(source).digest
    with store.alone(model):
        known = newest_with(store.releases(model), digest)
        if known and not release_problems(known):
            return known
        version = _unlisted_version(store, root, model, digest)
        if version is None:
            version = _next_version(store, root, model)
            publish_folder(source, root / model, version)
        store.add(_new_release(store, root, model, version, by, origin))
    return next(row for row in store.releases(model) if row.version == version)


def copy_to_stores(release: ReleaseRow, roots: Iterable[str | None]) -> None:
    """Sees to it that every store among `roots` has an intact copy of the release.

    Args:
      release: Its folder here was verified.
      roots: Where servers find releases; those that are no URLs of stores are passed over.

    Raises:
      PublishFailed: A store cannot be written, or what it holds differs from the manifest.
    """
    for store in stores_among(roots):
        from slipline.serving.releases.copies.object_store import ensure_copy  # which takes half a second to import

        ensure_copy(release.path, f"{store}/{release.model}", release.version)


def stores_among(roots: Iterable[str | None]) -> list[str]:
    """The URLs of stores among the places where servers find releases."""
    return sorted({root.rstrip("/") for root in roots if root is not None and "://" in root})


def release_problems(release: ReleaseRow) -> tuple[str, ...]:
    """How a release's folder differs from what was published, one sentence each; nothing if it is intact."""
    problems = verify(release.path)
    if not problems and (digest := read_manifest(release.path).digest) != release.digest:
        # The files fit their manifest, but both were exchanged.
        return (f"{release.path}: its manifest has the digest {digest}, the ledger says {release.digest}",)
    return problems


def newest_with(releases: Iterable[ReleaseRow], digest: str) -> ReleaseRow | None:
    """The latest of them with this content; None if there is none."""
    return next((row for row in reversed(tuple(releases)) if row.digest == digest), None)


def _unlisted_version(store: LedgerStore, root: Path, model: str, digest: str) -> int | None:
    """The folder that a crash left between its rename and its row, if it holds this very content."""
    listed = {row.version for row in store.releases(model)}
    for version in sorted(numbered_versions(root / model) - listed):
        folder = root / model / str(version)
        if not verify(folder) and read_manifest(folder).digest == digest:
            return version
    return None


def _next_version(store: LedgerStore, root: Path, model: str) -> int:
    listed = {row.version for row in store.releases(model)}
    return max(listed | numbered_versions(root / model), default=0) + 1


def _new_release(store: LedgerStore, root: Path, model: str, version: int, by: str, origin: str) -> NewRelease:
    manifest = read_manifest(root / model / str(version))
    return NewRelease(
        model=model,
        version=version,
        digest=manifest.digest,
        size_bytes=manifest.size_bytes,
        predecessor=live_version(store.moves(model)),
        at=utc_now(),
        by=by,
        origin=origin,
    )
