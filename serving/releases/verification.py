"""Every release read again, here and in the stores, and held against its manifest and the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from slipline.serving.releases.copies.publishing import release_problems
from slipline.serving.releases.ledger import Ledger
from slipline.serving.releases.store.records import ReleaseRow


@dataclass(frozen=True, kw_only=True)
class Verified:
    """One copy of a release.

    Attributes:
      model: Its name.
      version: Its number.
      place: The folder, or the copy's URL.
      problems: How it differs from what was published, one sentence each; nothing if it is intact.
    """

    model: str
    version: int
    place: str
    problems: tuple[str, ...]


def verify_releases(ledger: Ledger, model: str | None = None) -> tuple[Verified, ...]:
    """Checks the folders of all releases, or of one model's, and the copies of those that servers are to load.

    Raises:
      LedgerError: The database cannot be read.
    """
    releases = ledger.releases(model)
    return (*(_folder(release) for release in releases), *_copies(ledger, model))


def _folder(release: ReleaseRow) -> Verified:
    problems = release_problems(release)
    return Verified(model=release.model, version=release.version, place=str(release.path), problems=problems)


def _copies(ledger: Ledger, model: str | None) -> Iterator[Verified]:
    roots = {server.root.rstrip("/") for server in ledger.servers() if server.root and "://" in server.root}
    for root in sorted(roots):
        from slipline.serving.releases.copies.object_store import verify_copy

        for wanted in ledger.wanted():
            for version in wanted.versions if model in (None, wanted.name) else ():
                url = f"{root}/{wanted.name}"
                problems = verify_copy(url, version)
                yield Verified(model=wanted.name, version=version, place=f"{url}/{version}", problems=problems)
