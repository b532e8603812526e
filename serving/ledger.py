"""The ledger of releases: what was published, what is live, who moved it and why.

Under its root lie `MODEL/VERSION/` and `models.config`, the file that servers follow. Promoting takes two steps, as
TensorFlow Serving checks labels before it loads: first the new version is loaded beside the live one, then the label
`stable` moves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType

from serving.errors import (
    LedgerConflict,
    NoEarlierRelease,
    PromotionFailed,
    ReleaseNotFound,
    ServingError,
)
from serving.file_lock import locked
from serving.ledger_store import LedgerStore, conflict
from serving.model_config import ServedModel, write_config
from serving.release_history import earlier_version, live_version, loaded_versions
from serving.release_records import Move, MoveKind, NewRelease, RegisteredServer, ReleaseRow
from serving.rollout import Rollout, process_ended, rollout_to_named, rollout_to_registered
from serving.version_folder import (
    CONFIG_NAME,
    DATABASE_NAME,
    check_model_name,
    manifest_of,
    numbered_versions,
    publish_folder,
    read_manifest,
    verify,
)

STABLE = "stable"
"""The label of the live version."""


class Ledger:
    """Releases of all models under one root; a context manager that closes its database connections."""

    def __init__(self, url: str | None, root: Path) -> None:
        """Opens the ledger, with its tables made if missing.

        Args:
          url: SQLAlchemy database URL; None for the SQLite file `ledger.sqlite` under `root`.
          root: Holds the version folders and `models.config`; made if missing.

        Raises:
          LedgerError: The folder cannot be made, or the database not opened.
        """
        self.root = root.resolve()
        self.config_path = self.root / CONFIG_NAME
        self._store = LedgerStore(url or f"sqlite:///{self.root / DATABASE_NAME}", self.root)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._store.close()

    def publish(self, model: str, source: Path, *, by: str, origin: str) -> ReleaseRow:
        """Makes `source` the next version of `model`; no server is told.

        Args:
          model: Its name; see `check_model_name`.
          source: A SavedModel's folder; left as it is.
          by: Who publishes it.
          origin: The execution that made it.

        Returns:
          The new release, or the one that has this very content already.

        Raises:
          PublishFailed: The name is refused, or the folder cannot be read or copied.
        """
        check_model_name(model)
        digest = manifest_of(source).digest
        with locked(self.root / model):
            known = self.find_by_digest(model, digest)
            if known and not verify(known.path):
                return known
            version = self._unlisted_version(model, digest)
            if version is None:
                version = self._next_version(model)
                publish_folder(source, self.root / model, version)
            self._add_release(model, version, by, origin)
        return self.release(model, version)

    def live(self, model: str) -> ReleaseRow | None:
        """The release that `stable` names; None before the first promotion."""
        return next((row for row in self.releases(model) if row.state == "live"), None)

    def release(self, model: str, version: int) -> ReleaseRow:
        """One release.

        Raises:
          ReleaseNotFound: The ledger has no such model or version.
        """
        rows = self.releases(model)
        for row in rows:
            if row.version == version:
                return row
        versions = ", ".join(str(row.version) for row in rows) or "none"
        raise ReleaseNotFound(
            f"wanted version {version} of {model!r}, the ledger under {self.root} has {versions}; "
            "`slipline releases` lists them all"
        )

    def releases(self, model: str | None = None) -> tuple[ReleaseRow, ...]:
        """All releases, or those of one model, by model and version."""
        return self._store.releases(model)

    def find_by_digest(self, model: str, digest: str) -> ReleaseRow | None:
        """The latest release of `model` with this content; None if there is none."""
        return next((row for row in reversed(self.releases(model)) if row.digest == digest), None)

    def promote(
        self,
        model: str,
        version: int,
        *,
        by: str,
        reason: str,
        servers: Sequence[str] | None = None,
        timeout_s: float = 300.0,
    ) -> ReleaseRow:
        """Makes a release the live one, at every server or at none.

        Promoting the version that is live already puts its config in force again.

        Args:
          model: The model's name.
          version: Which release.
          by: Who promotes it.
          reason: Why.
          servers: `host:port` of those to move, each of which must answer; None for the registered ones, of which
            those that do not answer are passed over.
          timeout_s: For all servers together to load the version.

        Returns:
          The release, with a warning for each server passed over.

        Raises:
          ReleaseNotFound: The ledger has no such model or version.
          ServerUnavailable: Nothing answers at one of `servers`.
          PromotionFailed: The version folder was altered, or a server would not serve it; the live one is untouched.
          LedgerConflict: Somebody else moved the model meanwhile.
          ConfigRefused: `models.config` cannot be written.
        """
        seen = self._store.moves(model)
        release = self.release(model, version)
        with self._rollout(release, seen, servers, timeout_s) as rollout:
            _check_intact(release)
            self._load(rollout, release)
            if release.state != "live":
                self._move(rollout, seen, "promoted", version, by, reason)
        return replace(self.release(model, version), warnings=rollout.warnings)

    def roll_back(
        self,
        model: str,
        *,
        to: int | None = None,
        by: str,
        reason: str,
        servers: Sequence[str] | None = None,
        timeout_s: float = 300.0,
    ) -> ReleaseRow:
        """Makes an earlier release live again and withdraws the present one: one call to servers that still have it.

        Args:
          model: The model's name.
          to: Which release; None for the last one that was live before and is not withdrawn.
          by: Who rolls back.
          reason: Why the live release is withdrawn.
          servers: As in `promote`.
          timeout_s: For all servers together to load the version, where it is not loaded any more.

        Returns:
          The release live now, with a warning for each server passed over.

        Raises:
          NoEarlierRelease: There is nothing to roll back to, or `to` was never live before.
          ServerUnavailable: Nothing answers at one of `servers`.
          PromotionFailed: The earlier release's folder was altered, or a server would not serve it; the live one is
            untouched.
          LedgerConflict: Somebody else moved the model meanwhile.
          ConfigRefused: `models.config` cannot be written.
        """
        seen = self._store.moves(model)
        release = self._earlier_release(model, to, seen)
        with self._rollout(release, seen, servers, timeout_s) as rollout:
            _check_intact(release)  # served or not, as every server that starts later loads it from there
            if not rollout.serves(release.version):
                self._load(rollout, release)
            self._move(rollout, seen, "rolled_back", release.version, by, reason)
        return replace(self.release(model, release.version), warnings=rollout.warnings)

    def register_server(self, target: str, pid: int | None) -> None:
        """Has promotions and roll-backs tell the server at `target`.

        Args:
          target: `host:port` of its gRPC port.
          pid: Its process on this machine; None for one that runs elsewhere.
        """
        self._store.put_server(target, pid, _now())

    def unregister_server(self, target: str) -> None:
        """Forgets the server at `target`, if it is known."""
        self._store.remove_server(target)

    def servers(self) -> tuple[RegisteredServer, ...]:
        """The registered servers; the process of one may have ended since."""
        return self._store.servers()

    def rewrite_config(self) -> Path:
        """Makes the config file say what the ledger says, after any promotion under way.

        Returns:
          The file.
        """
        with locked(self.root):
            write_config(self.config_path, self._config())
        return self.config_path

    def _load(self, rollout: Rollout, release: ReleaseRow) -> None:
        beside = None if release.state == "live" else release
        rollout.load(self._config(beside), release.version)

    def _move(
        self, rollout: Rollout, seen: tuple[Move, ...], kind: MoveKind, version: int, by: str, reason: str
    ) -> None:
        move = Move(
            model=rollout.model,
            number=len(seen) + 1,
            kind=kind,
            version=version,
            former=live_version(seen),
            at=_now(),
            by=by,
            reason=reason,
        )
        self._store.add_move(move)
        try:
            rollout.apply(self._config())
        except ServingError as error:
            self._store.add_move(replace(move, number=move.number + 1, kind="undone", at=_now(), reason=str(error)))
            raise

    @contextmanager
    def _rollout(
        self, release: ReleaseRow, seen: tuple[Move, ...], targets: Sequence[str] | None, timeout_s: float
    ) -> Iterator[Rollout]:
        # One at a time per root: the config file and the servers' configs hold all models.
        with locked(self.root):
            write_config(self.config_path, self._config())  # a crash may have come between a move and its file
            if self._store.moves(release.model) != seen:
                raise conflict(release.model)
            with self._reached(release.model, targets, timeout_s) as rollout:
                try:
                    yield rollout
                except BaseException as error:  # an interrupt, too, must not leave a version loading
                    problems = rollout.restore(self._config())
                    if isinstance(error, ServingError) and not isinstance(error, LedgerConflict):
                        raise self._not_live(release, error, problems) from error
                    raise

    def _reached(self, model: str, targets: Sequence[str] | None, timeout_s: float) -> AbstractContextManager[Rollout]:
        if targets is not None:
            return rollout_to_named(self.config_path, model, targets, timeout_s)
        servers = self.servers()
        for server in filter(process_ended, servers):
            self.unregister_server(server.target)
        return rollout_to_registered(self.config_path, model, servers, timeout_s)

    def _not_live(self, release: ReleaseRow, error: ServingError, problems: tuple[str, ...]) -> PromotionFailed:
        live = self.live(release.model)
        stays = f"version {live.version} stays live" if live else "nothing is live"
        failure = f"version {release.version} of {release.model!r} was not made live, {stays}: {error}"
        return PromotionFailed(". ".join((failure, *problems)))

    def _config(self, beside: ReleaseRow | None = None) -> tuple[ServedModel, ...]:
        moves = self._store.moves_by_model()
        if beside is not None:
            moves.setdefault(beside.model, ())
        models = []
        for name in sorted(moves):
            added = beside.version if beside is not None and beside.model == name else None
            if versions := loaded_versions(moves[name], beside=added):
                live = live_version(moves[name])
                labels = {} if live is None else {STABLE: live}
                base_path = str(self.root / name)
                models.append(ServedModel(name=name, base_path=base_path, versions=versions, labels=labels))
        return tuple(models)

    def _earlier_release(self, model: str, to: int | None, seen: tuple[Move, ...]) -> ReleaseRow:
        version = earlier_version(seen) if to is None else to
        if version is None:
            raise NoEarlierRelease(
                f"no release of {model!r} was live before the present one and is not withdrawn; "
                "`slipline releases` lists them, `slipline promote MODEL VERSION` makes any of them live"
            )
        release = self.release(model, version)
        if release.state == "live" or not release.live_periods:
            state = "live now" if release.state == "live" else "never live"
            raise NoEarlierRelease(
                f"version {version} of {model!r} is {state}, so there is nothing to roll back to; "
                f"`slipline releases` lists them, `slipline promote {model} {version}` makes it live"
            )
        return release

    def _unlisted_version(self, model: str, digest: str) -> int | None:
        """The folder that a crash left between its rename and its row, if it holds this very content."""
        listed = {row.version for row in self.releases(model)}
        for version in sorted(numbered_versions(self.root / model) - listed):
            folder = self.root / model / str(version)
            if not verify(folder) and read_manifest(folder).digest == digest:
                return version
        return None

    def _next_version(self, model: str) -> int:
        listed = {row.version for row in self.releases(model)}
        return max(listed | numbered_versions(self.root / model), default=0) + 1

    def _add_release(self, model: str, version: int, by: str, origin: str) -> None:
        manifest = read_manifest(self.root / model / str(version))
        release = NewRelease(
            model=model,
            version=version,
            digest=manifest.digest,
            size_bytes=manifest.size_bytes,
            predecessor=live_version(self._store.moves(model)),
            at=_now(),
            by=by,
            origin=origin,
        )
        self._store.add_release(release)


def _check_intact(release: ReleaseRow) -> None:
    if problems := verify(release.path):
        raise PromotionFailed(
            f"version {release.version} of {release.model!r} is not what was published: {'; '.join(problems)}. "
            "Run the pipeline again, it publishes a new version"
        )


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="microseconds")
