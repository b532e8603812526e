"""What a model's moves say: which version is live, which stay loaded, which were withdrawn."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from serving.release_records import LivePeriod, Move, State


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
    standing = effective(moves)
    return standing[-1].version if standing else None


def state_of(version: int, moves: Sequence[Move]) -> State:
    """How a release stands: its last coming or going decides."""
    standing = effective(moves)
    if standing and standing[-1].version == version:
        return "live"
    for move in reversed(standing):
        if move.former == version:
            return "withdrawn" if move.kind == "rolled_back" else "superseded"
    return "published"


def loaded_versions(moves: Sequence[Move], *, beside: int | None = None) -> tuple[int, ...]:
    """The versions that servers keep loaded, ascending.

    Clients who ask by model name only get the highest number, so none above the live one stays. Below it, the version
    that a promotion replaced does: rolling back to it needs no load.

    Args:
      moves: All of one model's.
      beside: A version that is about to become live; only the live one stays with it, for want of memory.
    """
    live = live_version(moves)
    other = _kept(moves) if beside is None else beside
    return tuple(sorted({version for version in (live, other) if version is not None}))


def earlier_version(moves: Sequence[Move]) -> int | None:
    """Where a roll-back goes: the last version that was live before the present one and is not withdrawn."""
    live = live_version(moves)
    for move in reversed(effective(moves)):
        if move.version != live and state_of(move.version, moves) != "withdrawn":
            return move.version
    return None


def live_periods(version: int, moves: Sequence[Move]) -> tuple[LivePeriod, ...]:
    """When `version` was live, oldest first."""
    standing = effective(moves)
    return tuple(
        LivePeriod(
            since=move.at,
            until=following.at if following else None,
            by=move.by,
            reason=move.reason,
            until_reason=following.reason if following else None,
        )
        for move, following in zip_longest(standing, standing[1:])
        if move.version == version
    )


def _kept(moves: Sequence[Move]) -> int | None:
    standing = effective(moves)
    if not standing or standing[-1].kind != "promoted":
        return None
    last = standing[-1]
    return last.former if last.former is not None and last.former < last.version else None
