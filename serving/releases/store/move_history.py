"""What a model's moves say: which version is live or on trial, which stay loaded, which were withdrawn."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from slipline.serving.releases.compare.comparison import Comparison
from slipline.serving.releases.store.records import Move, Period, State


def effective(moves: Sequence[Move]) -> tuple[Move, ...]:
    """The moves that stand: without those taken back."""
    standing: list[Move] = []
    for move in moves:
        if move.kind == "undone":
            standing.pop()
        else:
            standing.append(move)
    return tuple(standing)


def live_version(moves: Sequence[Move]) -> int | None:
    """The version that `stable` names; None before the first promotion."""
    stable = _stable_moves(moves)
    return stable[-1].version if stable else None


def canary_version(moves: Sequence[Move]) -> int | None:
    """The version on trial; None where none is. Any later promotion, roll-back or withdrawal ends a trial."""
    trial = canary_move(moves)
    return trial.version if trial else None


def canary_move(moves: Sequence[Move]) -> Move | None:
    """The move that began the trial under way; None where there is none."""
    standing = effective(moves)
    return standing[-1] if standing and standing[-1].kind == "canary" else None


def state_of(version: int, moves: Sequence[Move]) -> State:
    """How a release stands: its last coming or going decides."""
    if version == live_version(moves):
        return "live"
    if version == canary_version(moves):
        return "canary"
    for move in reversed(effective(moves)):
        if move.former == version:
            return "withdrawn" if move.kind == "rolled_back" else "superseded"
        if move.version == version and move.kind in ("canary", "withdrawn"):
            return "withdrawn"
    return "published"


def loaded_versions(moves: Sequence[Move], *, beside: int | None = None) -> tuple[int, ...]:
    """The versions that servers keep loaded, ascending.

    Clients who ask by model name only get the highest number, so none above the live one stays but the canary. Below
    it, the version that a promotion replaced does: rolling back to it needs no load.

    Args:
      moves: All of one model's.
      beside: A version that is about to become live, or the canary; only the live one and the canary stay with it, for
        want of memory.
    """
    other = _kept(moves) if beside is None else beside
    wanted = (live_version(moves), canary_version(moves), other)
    return tuple(sorted({version for version in wanted if version is not None}))


def earlier_version(moves: Sequence[Move]) -> int | None:
    """Where a roll-back goes: the last version that was live before the present one and is not withdrawn."""
    live = live_version(moves)
    for move in reversed(_stable_moves(moves)):
        if move.version != live and state_of(move.version, moves) != "withdrawn":
            return move.version
    return None


def live_periods(version: int, moves: Sequence[Move]) -> tuple[Period, ...]:
    """When `version` was live, oldest first."""
    stable = _stable_moves(moves)
    return tuple(
        _period(move, following, move.figures)
        for move, following in zip_longest(stable, stable[1:])
        if move.version == version
    )


def canary_periods(version: int, moves: Sequence[Move]) -> tuple[Period, ...]:
    """When `version` was on trial, oldest first."""
    standing = effective(moves)
    return tuple(
        _period(move, following, following.figures if following else None)
        for move, following in zip_longest(standing, standing[1:])
        if move.version == version and move.kind == "canary"
    )


def _period(move: Move, following: Move | None, figures: str | None) -> Period:
    return Period(
        since=move.at,
        until=following.at if following else None,
        by=move.by,
        reason=move.reason,
        until_by=following.by if following else None,
        until_reason=following.reason if following else None,
        percent=move.percent,
        figures=Comparison.from_json(figures) if figures else None,
    )


def _stable_moves(moves: Sequence[Move]) -> tuple[Move, ...]:
    """Those that moved the label `stable`."""
    return tuple(move for move in effective(moves) if move.kind in ("promoted", "rolled_back"))


def _kept(moves: Sequence[Move]) -> int | None:
    stable = _stable_moves(moves)
    if not stable or stable[-1].kind != "promoted":
        return None
    last = stable[-1]
    return last.former if last.former is not None and last.former < last.version else None
