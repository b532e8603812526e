"""Looks up the statistics that new ones are held against."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.artifacts import Baseline, Statistics
from pipeline.component import OUTSIDE_CACHE_KEY, component, params


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """Statistics of an earlier run that passed validation.

    Attributes:
      folder: Where they lie.
      origin: Which run's they are, for people.
    """

    folder: Path
    origin: str


@params
class BaselineParams:
    """What there is to choose from.

    Attributes:
      earlier: The latest first.
    """

    earlier: tuple[Earlier, ...] = field(default=(), metadata=OUTSIDE_CACHE_KEY)


@component(cached=False)
def find_baseline(statistics: Statistics, params: BaselineParams, out: Path) -> Baseline:
    """The latest earlier statistics that differ from the ones at hand.

    So a rerun over the same data is held against what the first run was held against.

    Args:
      statistics: Of the examples about to be judged.
      params: What there is to choose from.
      out: Takes a copy.

    Returns:
      The baseline; without an origin where there is nothing to compare with.
    """
    current = statistics.proto_path.read_bytes()
    for earlier in params.earlier:
        file = Statistics(path=earlier.folder).proto_path
        if file.is_file() and file.read_bytes() != current:
            shutil.copy2(file, Baseline(path=out).proto_path)
            return Baseline(path=out, origin=earlier.origin)
    return Baseline(path=out)
