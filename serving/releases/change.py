"""One change of what is served, from the lock that keeps others out to the row that records it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from slipline.serving.errors import LedgerConflict, PromotionFailed, ServingError
from slipline.serving.folders.labels import write_shares
from slipline.serving.releases.compare.comparison import Comparison, Replay
from slipline.serving.releases.copies.publishing import copy_to_stores, release_problems
from slipline.serving.releases.servers.rollout import Rollout, process_ended, rollout_to_registered
from slipline.serving.releases.servers.wanted_config import wanted_models, write_configs
from slipline.serving.releases.store.ledger_store import LedgerStore, conflict
from slipline.serving.releases.store.move_history import canary_move, live_version
from slipline.serving.releases.store.records import Move, MoveKind, ReleaseRow, utc_now


@dataclass(frozen=True)
class Change:
    """A change under way, of which nobody else makes another meanwhile.

    Attributes:
      store: The ledger's database.
      root: Holds the releases.
      release: What becomes live, goes on trial or is withdrawn.
      seen: The model's moves when the change was decided on.
      rollout: The servers reached.
    """

    store: LedgerStore
    root: Path
    release: ReleaseRow
    seen: tuple[Move, ...]
    rollout: Rollout

    def check_intact(self) -> None:
        """Makes sure that the release, and its copy in every store that a server reads, is what was published.

        Raises:
          PromotionFailed: Its folder was altered.
          PublishFailed: A store's copy was, or cannot be made.
        """
        if problems := release_problems(self.release):
            raise PromotionFailed(
                f"version {self.release.version} of {self.release.model!r} is not what was published: "
                f"{'; '.join(problems)}. `slipline releases reconcile` restores it if another copy is intact, "
                "a new run of the pipeline publishes it again"
            )
        copy_to_stores(self.release, (server.root for server in self.rollout.servers))

    def load(self) -> None:
        """Has every server load the release beside what it serves; returns once requests can reach it.

        If it is live already, its labels are put in force again, too.

        Raises:
          ServingError: The release was altered, or a server does not load it.
        """
        self.check_intact()
        is_live = self.release.state == "live"
        beside = None if is_live else (self.release.model, self.release.version)
        models = wanted_models(self.store.moves_by_model(), self.root, beside)
        self.rollout.load(models, self.release.version)
        if is_live:
            self.rollout.apply(models)

    def compare(self, replay: Replay) -> tuple[Comparison | None, tuple[str, ...]]:
        """What the release, once loaded, makes of recorded requests beside the live version, and warnings.

        Raises:
          PromotionFailed: It is beyond its limits.
          DataLoss: The recorded requests cannot be read.
        """
        from slipline.serving.releases.compare.replay import (  # NumPy; a roll-back needs neither
            compare_versions,
            sample_for,
        )

        live, targets = live_version(self.seen), [server.control.target for server in self.rollout.servers]
        if live is None or not targets:
            return None, ()
        sample = sample_for(self.release.path, replay.requests)
        skipped = f"version {self.release.version} was not compared with version {live}"
        if not sample:
            return None, (f"{skipped}: no requests are stored; `--sample FILE` names some",)
        versions = (live, self.release.version)
        figures = compare_versions(targets, self.release.model, versions, sample, replay)
        if figures.requests == figures.stable_errors:
            return figures, (f"{skipped}: that one answered none of the stored requests; `--sample FILE` names others",)
        return figures, ()

    def move(
        self,
        kind: MoveKind,
        *,
        by: str,
        reason: str,
        percent: float | None = None,
        figures: Comparison | None = None,
    ) -> None:
        """Records the move, and puts it in force; a move that a server does not follow is undone.

        Raises:
          LedgerConflict: Somebody else moved the model first.
          ServingError: A server does not follow.
        """
        stays = kind in ("canary", "withdrawn")
        move = Move(
            model=self.release.model,
            number=len(self.seen) + 1,
            kind=kind,
            version=self.release.version,
            former=None if stays else live_version(self.seen),
            at=utc_now(),
            by=by,
            reason=reason,
            percent=percent,
            figures=figures.to_json() if figures else None,
        )
        self.store.add(move)
        try:
            moves = self.store.moves_by_model()
            self.rollout.apply(wanted_models(moves, self.root))
            write_shares(self.root, _shares(moves))
        except BaseException as error:
            self.store.add(_undoing(move, error))
            raise


@contextmanager
def open_change(
    store: LedgerStore,
    root: Path,
    release: ReleaseRow,
    seen: tuple[Move, ...],
    timeout_s: float,
    aim: str,
) -> Iterator[Change]:
    """A change for the length of the block; servers and files are put back if the block fails.

    Args:
      store: The ledger's database.
      root: Holds the releases.
      release: What becomes live, goes on trial or is withdrawn.
      seen: The model's moves when the change was decided on.
      timeout_s: For all servers together to load a version.
      aim: What the release was to be, such as `made live`, for the message that says it was not.

    Raises:
      LedgerConflict: Somebody else moved the model meanwhile.
      PromotionFailed: The block raised another of our errors.
    """
    # One at a time: the config files and the servers' configs hold all models.
    with store.alone():
        servers = store.servers()
        write_files(store, root, (server.root for server in servers))  # a crash may have left them behind the rows
        if store.moves(release.model) != seen:
            raise conflict(release.model)
        for server in filter(process_ended, servers):
            store.remove_server(server.target)
        with rollout_to_registered(root, release.model, servers, timeout_s) as rollout:
            try:
                yield Change(store, root, release, seen, rollout)
            except BaseException as error:  # an interrupt, too, must not leave a version loading
                problems = rollout.restore(wanted_models(store.moves_by_model(), root))
                if isinstance(error, ServingError) and not isinstance(error, LedgerConflict):
                    raise _failure(store, release, aim, error, problems) from error
                raise


def write_files(store: LedgerStore, root: Path, roots: Iterable[str | None]) -> None:
    """Makes the config files for servers that have the releases at `roots`, and the shares, say what the ledger says.

    Raises:
      ConfigRefused: One cannot be written.
    """
    moves = store.moves_by_model()
    write_configs(root, wanted_models(moves, root), roots)
    write_shares(root, _shares(moves))


def _shares(moves: dict[str, tuple[Move, ...]]) -> dict[str, float]:
    on_trial = {model: canary_move(made) for model, made in moves.items()}
    return {model: move.percent for model, move in on_trial.items() if move is not None and move.percent is not None}


def _undoing(move: Move, error: BaseException) -> Move:
    reason = str(error) or type(error).__name__
    return replace(move, number=move.number + 1, kind="undone", at=utc_now(), reason=reason, percent=None, figures=None)


def _failure(
    store: LedgerStore, release: ReleaseRow, aim: str, error: ServingError, problems: tuple[str, ...]
) -> PromotionFailed:
    live = live_version(store.moves(release.model))
    stays = "nothing is live" if live is None else f"version {live} stays live"
    failure = f"version {release.version} of {release.model!r} was not {aim}, {stays}: {error}"
    return PromotionFailed(". ".join((failure, *problems)))
