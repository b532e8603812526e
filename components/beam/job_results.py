"""Makes sure that a Beam runner did every job once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from slipline.components.errors import BeamFailed

T = TypeVar("T")


def each_once(names: Sequence[str], results: Iterable[tuple[int, T]]) -> list[T]:
    """The result of each job, in the order of the jobs.

    Args:
      names: What messages call the jobs.
      results: For each job its place among `names` and its result, in any order.

    Raises:
      BeamFailed: The runner lost a job or did one twice; names it.
    """
    found: dict[int, T] = {}
    for number, result in results:
        if number in found:
            raise BeamFailed(
                f"{names[number]}: Beam returned two results for this; its runner doubles work, choose another"
            )
        found[number] = result
    if lost := [name for number, name in enumerate(names) if number not in found]:
        raise BeamFailed(f"{', '.join(lost)}: Beam returned no result for this; its runner lost work, choose another")
    return [found[number] for number in range(len(names))]
