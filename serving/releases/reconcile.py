"""Brings servers, config files and version folders back to what the ledger says."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from slipline.serving.client.control import ServerControl
from slipline.serving.errors import ServingError
from slipline.serving.folders.model_config import ServedModel
from slipline.serving.folders.version_folder import DAMAGED_PREFIX, RESTORING_PREFIX, copy_folder, manifest_of, verify
from slipline.serving.releases.copies.publishing import stores_among
from slipline.serving.releases.ledger import Ledger
from slipline.serving.releases.servers.rollout import CALL_TIMEOUT_S, Reached, every_address, process_ended
from slipline.serving.releases.servers.wanted_config import narrowed
from slipline.serving.releases.status import FolderStatus, ReleaseStatus, TargetStatus, release_status
from slipline.serving.releases.store.records import ReleaseRow


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """What was done.

    Attributes:
      done: One sentence for each repair.
      failed: One sentence for each that could not be made, with the remedy.
      status: How things stand now.
    """

    done: tuple[str, ...]
    failed: tuple[str, ...]
    status: ReleaseStatus


Origin = Callable[[ReleaseRow], Path | None]
Outcome = tuple[str, bool]  # in words, and whether it is mended


def reconcile(ledger: Ledger, *, origin: Origin = lambda release: None, timeout_s: float = 120.0) -> Reconciliation:
    """Repairs whatever `release_status` finds, as far as that is possible; what is right is left alone.

    A damaged folder is restored from wherever its very content still lies: a store's copy, or where it was made.

    Args:
      ledger: Says what is right.
      origin: The folder that a release was published from, if it is still there.
      timeout_s: For each server to load what it lacks.

    Raises:
      LedgerError: The database cannot be read or written.
      ConfigRefused: A config file cannot be written.
    """
    with ledger.alone():
        outcomes = list(_mended(ledger, origin, timeout_s))
        return Reconciliation(
            done=tuple(words for words, mended in outcomes if mended),
            failed=tuple(words for words, mended in outcomes if not mended),
            status=release_status(ledger),
        )


def _mended(ledger: Ledger, origin: Origin, timeout_s: float) -> Iterator[Outcome]:
    before = release_status(ledger)
    for server in filter(process_ended, ledger.servers()):
        ledger.unregister_server(server.target)
        yield f"{server.target}: forgotten, as its process {server.pid} has ended", True
    for folder in before.folders:
        if folder.problems:
            yield _mend_folder(ledger, folder, origin)
    yield from _mend_copies(ledger)
    ledger.write_files()
    roots = {server.target: server.root for server in every_address(ledger.servers())}
    for target in before.targets:
        if target.target in roots and target.differs:
            yield _mend_server(ledger, target, roots[target.target], timeout_s)


def _mend_folder(ledger: Ledger, folder: FolderStatus, origin: Origin) -> Outcome:
    release = ledger.release(folder.model, folder.version)
    made_from = origin(release)
    if made_from is not None and made_from.is_dir() and manifest_of(made_from).digest == release.digest:
        _replace(release.path, lambda aside: copy_folder(made_from, aside))
        return f"{release.path}: restored from {made_from}", True
    for url in stores_among(server.root for server in ledger.servers()):
        from slipline.serving.releases.copies.object_store import fetch_copy

        try:
            _replace(release.path, partial(fetch_copy, f"{url}/{release.model}", release.version))
        except ServingError:
            continue
        return f"{release.path}: restored from {url}", True
    remedy = "restore it from a backup, or make another version live with `slipline promote` or `slipline rollback`"
    return f"{folder.problems[0]}; no other copy of version {folder.version} was found: {remedy}", False


def _replace(place: Path, fill: Callable[[Path], object]) -> None:
    """Puts a folder filled aside in the place of a damaged one, which stays beside it under another name."""
    aside = place.parent / f"{RESTORING_PREFIX}{place.name}-{uuid.uuid4().hex}"
    try:
        fill(aside)
        if place.exists():
            place.rename(place.parent / f"{DAMAGED_PREFIX}{place.name}-{uuid.uuid4().hex}")
        aside.rename(place)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _mend_copies(ledger: Ledger) -> Iterator[Outcome]:
    """Copies that servers are to load from a store, made anew from an intact folder here where they are damaged."""
    for url in stores_among(server.root for server in ledger.servers()):
        from slipline.serving.releases.copies.object_store import renew_copy, verify_copy

        for model in ledger.wanted():
            for version in model.versions:
                place = ledger.root / model.name / str(version)
                if verify(place) or not verify_copy(f"{url}/{model.name}", version):
                    continue
                try:
                    renew_copy(place, f"{url}/{model.name}", version)
                except ServingError as error:
                    yield str(error), False
                else:
                    yield f"{url}/{model.name}/{version}: copied from {place}", True


def _mend_server(ledger: Ledger, status: TargetStatus, root: str | None, timeout_s: float) -> Outcome:
    models = tuple(_loadable(ledger, status))
    try:
        with ServerControl(status.target, timeout_s=CALL_TIMEOUT_S) as control:
            _bring_in_line(Reached(control, root), models, timeout_s)
    except ServingError as error:
        return f"{status.target} was not brought in line: {error}", False
    left_out = [f"{model} version {version}" for model, version in _versions(ledger.wanted()) - _versions(models)]
    if left_out:
        return f"{status.target} cannot serve {', '.join(sorted(left_out))}: the folder is damaged", False
    return f"{status.target}: serves what the ledger says again", True


def _versions(models: Iterable[ServedModel]) -> set[tuple[str, int]]:
    return {(model.name, version) for model in models for version in model.versions}


def _loadable(ledger: Ledger, status: TargetStatus) -> Iterator[ServedModel]:
    """What is wanted, without versions that are neither served nor there to be loaded.

    TensorFlow Serving waits for ever for a new model that has no folder.
    """
    served = {model.model: model.served_versions for model in status.models}
    for model in ledger.wanted():
        there = [
            version
            for version in model.versions
            if version in served.get(model.name, ()) or not verify(ledger.root / model.name / str(version))
        ]
        if there:
            yield narrowed(model, there, there)


def _bring_in_line(server: Reached, models: Sequence[ServedModel], timeout_s: float) -> None:
    """Loads first and labels second; what a server gave up it tries again only once it was not wanted for a while."""
    given_up = {model.name: server.control.given_up(model.name) for model in models}
    if any(set(model.versions) & given_up[model.name] for model in models):
        fewer = [narrowed(model, set(model.versions) - given_up[model.name], model.versions) for model in models]
        server.begin_loading([model for model in fewer if model.versions], timeout_s=timeout_s)
    server.begin_loading(models, timeout_s=timeout_s)
    for model in models:
        for version in model.versions:
            server.control.wait_available(model.name, version, timeout_s)
    server.reload(models, timeout_s=timeout_s)
