"""The rules of a switch, as plain functions over version numbers: where labels point, and what is to be unloaded."""

from __future__ import annotations

from collections.abc import Mapping, Set


def labels_in_force(wanted: Mapping[str, int], current: Mapping[str, int], available: Set[int]) -> dict[str, int]:
    """Where each label points: to the version it is wanted for once that is up, until then where it pointed."""
    return {
        label: current[label] if number not in available and current.get(label) in available else number
        for label, number in wanted.items()
    }


def superfluous(
    available: Set[int],
    wanted: Set[int],
    held: Set[int],
    *,
    nothing_wanted: bool,
    coming: Set[int] = frozenset(),
) -> set[int]:
    """The versions to unload.

    Args:
      available: Those that are up.
      wanted: Those that are wanted and exist.
      held: Those to which a label points until its own version is up.
      nothing_wanted: Whether the config says that no version is to be up; an empty folder never says so.
      coming: Wanted versions for which others have to make room before they can be loaded; empty where old and new
        may be up side by side.
    """
    if nothing_wanted:
        return set(available)
    if coming - available:
        return set(available - wanted)
    if available & wanted:
        return set(available - wanted - held)
    return set()
