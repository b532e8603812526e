"""Looks up the statistics that new ones are held against."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from slipline.components.artifacts import Baseline, Statistics, copy_class_names
from slipline.pipeline.core.component import OUTSIDE_CACHE_KEY, component, params


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
    """The latest earlier statistics of other data than the ones at hand.

    So a rerun over the same data is held against what the first run was held against, also where the statistics were
    computed again.

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
        if file.is_file() and (found := file.read_bytes()) != current and _exact(found) != _exact(current):
            shutil.copy2(file, Baseline(path=out).proto_path)
            copy_class_names(earlier.folder, out)
            return Baseline(path=out, origin=earlier.origin)
    return Baseline(path=out)


def _exact(statistics: bytes) -> list[tuple[object, ...]]:
    """What statistics state of the features of each split, but for what may differ when they are computed again.

    That is quantiles and most frequent values, where they come from sketches.
    """
    from tensorflow_metadata.proto.v0 import statistics_pb2

    splits = [
        dataset
        for dataset in statistics_pb2.DatasetFeatureStatisticsList.FromString(statistics).datasets
        if "/" not in dataset.name  # others are slices
    ]
    return [
        (
            *(split.name, split.num_examples, feature.name, feature.type),
            *(feature.num_stats.min, feature.num_stats.max, feature.num_stats.num_zeros),
            [bins for bins in feature.num_stats.histograms if bins.type == statistics_pb2.Histogram.STANDARD],
            [custom for custom in feature.custom_stats if not custom.name.endswith("_error")],
        )
        for split in splits
        for feature in split.features
    ]
