"""The ledger of releases: what was published, what is live or on trial, who moved it and why.

Under its root lie `MODEL/VERSION/` and `models.config`, the file that servers follow. Promoting takes two steps, as
TensorFlow Serving checks labels before it loads: first the new version is loaded beside the live one, then the label
`stable` moves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from slipline.serving.errors import LedgerConflict, NoEarlierRelease, PromotionFailed, ReleaseNotFound
from slipline.serving.folders.model_config import ServedModel
from slipline.serving.folders.version_folder import CONFIG_NAME, DATABASE_NAME
from slipline.serving.releases.change import Change, open_change, write_files
from slipline.serving.releases.compare.comparison import Comparison, Replay
from slipline.serving.releases.copies.publishing import copy_to_stores, newest_with, publish_release
from slipline.serving.releases.servers.wanted_config import config_file, wanted_models
from slipline.serving.releases.store.ledger_store import LedgerStore
from slipline.serving.releases.store.move_history import canary_move, earlier_version, live_version
from slipline.serving.releases.store.records import Move, RegisteredServer, ReleaseRow, utc_now

LOAD_TIMEOUT_S = 300.0
"""For all servers together to load a version."""


@dataclass(frozen=True)
class ExpectedLive:
    """What somebody believes to be live when deciding on a promotion; None for nothing."""

    version: int | None


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

    def __exit__(self, *ended: object) -> None:
        self._store.close()

    def publish(self, model: str, source: Path, *, by: str, origin: str) -> ReleaseRow:
        """Makes `source` the next version of `model`, here and in every store that a server reads; no server is told.

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
        release = publish_release(self._store, self.root, model, source, by=by, origin=origin)
        copy_to_stores(release, (server.root for server in self.servers()))
        return release

    def live(self, model: str) -> ReleaseRow | None:
        """The release that `stable` names; None before the first promotion."""
        return next((row for row in self.releases(model) if row.state == "live"), None)

    def canary(self, model: str) -> ReleaseRow | None:
        """The release on trial; None where there is none."""
        return next((row for row in self.releases(model) if row.state == "canary"), None)

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

    def moves(self) -> Mapping[str, tuple[Move, ...]]:
        """Every move of every model that has any, by name, oldest first."""
        return self._store.moves_by_model()

    def find_by_digest(self, model: str, digest: str) -> ReleaseRow | None:
        """The latest release of `model` with this content; None if there is none."""
        return newest_with(self.releases(model), digest)

    def promote(
        self,
        model: str,
        version: int,
        *,
        by: str,
        reason: str,
        timeout_s: float = LOAD_TIMEOUT_S,
        only_if_live: ExpectedLive | None = None,
        replay: Replay | None = None,
        figures: Comparison | None = None,
    ) -> ReleaseRow:
        """Makes a release the live one, at every server or at none.

        Promoting the version that is live already puts its config in force again.

        Args:
          model: The model's name.
          version: Which release.
          by: Who promotes it.
          reason: Why.
          timeout_s: For all servers together to load the version.
          only_if_live: What the release was compared with; it is not promoted if that is no longer live.
          replay: How it is compared with the live version on recorded requests first, once it is loaded; None for not.
          figures: What an earlier comparison measured, kept with the move.

        Returns:
          The release, with a warning for each server passed over, and one if there were no requests to compare with.

        Raises:
          ReleaseNotFound: The ledger has no such model or version.
          PromotionFailed: The version folder was altered, a server would not serve it, or it did worse than the live
            version; that one is untouched.
          LedgerConflict: Somebody else moved the model meanwhile, or another version of it is on trial.
          ConfigRefused: A config file cannot be written.
        """
        seen = self._store.moves(model)
        release = self.release(model, version)
        _check_expected(model, only_if_live, seen)
        _check_no_other_trial(model, version, seen)
        warnings: tuple[str, ...] = ()
        with self._change(release, seen, "made live", timeout_s) as change:
            change.load()
            if release.state != "live":
                if replay is not None:
                    figures, warnings = change.compare(replay)
                change.move("promoted", by=by, reason=reason, figures=figures)
        return replace(self.release(model, version), warnings=(*change.rollout.warnings, *warnings))

    def start_canary(
        self,
        model: str,
        version: int,
        *,
        percent: float,
        by: str,
        reason: str,
    ) -> ReleaseRow:
        """Puts a release on trial: it is loaded beside the live one, and the label `canary` moves to it.

        Args:
          model: The model's name.
          version: Which release; the one on trial already gets another share.
          percent: The share of requests that clients are to send there, 0 to 100; written to `canary.json`.
          by: Who begins the trial.
          reason: Why.

        Returns:
          The release, with a warning for each server passed over.

        Raises:
          ServingError: As in `promote`; `PromotionFailed` also where nothing is live to compare with.
        """
        seen = self._store.moves(model)
        release = self.release(model, version)
        _check_can_be_tried(release, live_version(seen))
        _check_no_other_trial(model, version, seen)
        with self._change(release, seen, "put on trial") as change:
            change.load()
            change.move("canary", by=by, reason=reason, percent=percent)
        return replace(self.release(model, version), warnings=change.rollout.warnings)

    def withdraw_canary(
        self,
        model: str,
        *,
        by: str,
        reason: str,
        figures: Comparison | None = None,
    ) -> ReleaseRow:
        """Ends the trial under way: `canary` names the live version again, in one call to each server.

        Args:
          model: The model's name.
          by: Who ends it.
          reason: Why.
          figures: What was measured, kept with the move.

        Returns:
          The release withdrawn, with a warning for each server passed over.

        Raises:
          ReleaseNotFound: No version of the model is on trial.
          ServingError: As in `promote`.
        """
        seen = self._store.moves(model)
        on_trial = canary_move(seen)
        if on_trial is None:
            raise ReleaseNotFound(f"no version of {model!r} is on trial; `slipline releases {model}` says what is live")
        release = self.release(model, on_trial.version)
        with self._change(release, seen, "withdrawn") as change:
            change.move("withdrawn", by=by, reason=reason, figures=figures)
        return replace(self.release(model, release.version), warnings=change.rollout.warnings)

    def roll_back(
        self,
        model: str,
        *,
        to: int | None = None,
        by: str,
        reason: str,
    ) -> ReleaseRow:
        """Makes an earlier release live again and withdraws the present one: one call to servers that still have it.

        A trial under way ends, too.

        Args:
          model: The model's name.
          to: Which release; None for the last one that was live before and is not withdrawn.
          by: Who rolls back.
          reason: Why the live release is withdrawn.

        Returns:
          The release live now, with a warning for each server passed over.

        Raises:
          NoEarlierRelease: There is nothing to roll back to, or `to` was never live before.
          PromotionFailed: The earlier release's folder was altered, or a server would not serve it; the live one is
            untouched.
          LedgerConflict: Somebody else moved the model meanwhile.
          ConfigRefused: A config file cannot be written.
        """
        seen = self._store.moves(model)
        release = self._earlier_release(model, to, seen)
        with self._change(release, seen, "made live") as change:
            if change.rollout.serves(release.version):
                change.check_intact()  # as every server that starts later loads it from there
            else:
                change.load()
            change.move("rolled_back", by=by, reason=reason)
        return replace(self.release(model, release.version), warnings=change.rollout.warnings)

    def register_server(self, target: str, pid: int | None, root: str | None = None) -> None:
        """Has promotions and roll-backs tell the server at `target`.

        Args:
          target: `host:port` of its gRPC port.
          pid: Its process on this machine; None for one that runs elsewhere.
          root: Where it finds the releases, if not at the ledger's own root: the path under which a container has it
            mounted, or the URL of a store such as `s3://bucket/releases`, which then gets a copy of every release.
        """
        self._store.put_server(target, pid, utc_now(), root)

    def unregister_server(self, target: str) -> None:
        """Forgets the server at `target`, if it is known."""
        self._store.remove_server(target)

    def servers(self) -> tuple[RegisteredServer, ...]:
        """The registered servers; the process of one may have ended since."""
        return self._store.servers()

    def wanted(self) -> tuple[ServedModel, ...]:
        """What servers are to serve, with the paths of the ledger's own root."""
        return wanted_models(self.moves(), self.root)

    def rewrite_config(self, root: str | None = None) -> Path:
        """Makes the config files say what the ledger says, after any promotion under way.

        Args:
          root: Where the server that asks finds the releases; None for the ledger's own root.

        Returns:
          The file for that server.
        """
        with self._store.alone():
            self.write_files(root)
        return config_file(self.root, root)

    def alone(self) -> AbstractContextManager[None]:
        """Waits until nobody else changes what is served, then keeps others out for the length of the block."""
        return self._store.alone()

    def write_files(self, root: str | None = None) -> None:
        """As `rewrite_config`, for one who holds `alone` already."""
        write_files(self._store, self.root, {root, *(server.root for server in self.servers())})

    def _change(
        self, release: ReleaseRow, seen: tuple[Move, ...], aim: str, timeout_s: float = LOAD_TIMEOUT_S
    ) -> AbstractContextManager[Change]:
        return open_change(self._store, self.root, release, seen, timeout_s, aim)

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


def _check_expected(model: str, expected: ExpectedLive | None, seen: Sequence[Move]) -> None:
    live = live_version(seen)
    if expected is not None and live != expected.version:
        raise LedgerConflict(
            f"{model} {_named(live)} went live since the new model was compared with {_named(expected.version)}; "
            "run again to compare with that"
        )


def _named(version: int | None) -> str:
    return "none" if version is None else f"version {version}"


def _check_can_be_tried(release: ReleaseRow, live: int | None) -> None:
    if live is None:
        remedy = f"nothing is live yet; `slipline promote {release.model} {release.version}` makes it live"
    elif live == release.version:
        remedy = "it is live already; name another version"
    else:
        return
    raise PromotionFailed(
        f"version {release.version} of {release.model!r} cannot be tried beside the live one: {remedy}"
    )


def _check_no_other_trial(model: str, version: int, seen: Sequence[Move]) -> None:
    on_trial = canary_move(seen)
    if on_trial is not None and on_trial.version != version:
        raise LedgerConflict(
            f"version {on_trial.version} of {model!r} is on trial since {on_trial.at[:16].replace('T', ' ')} UTC, "
            f"begun by {on_trial.by}; wait for its end, or end it: `slipline canary {model} --withdraw --reason WHY`"
        )
