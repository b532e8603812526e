"""What is kept of records: one summary for each feature, built from batches, merged in any order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from slipline.components.statistics.columns import BYTES, Columns
from slipline.components.statistics.feature_summary import FeatureSummary, summarise_column
from slipline.components.statistics.groups import Groups
from slipline.components.statistics.image_summary import DecodedImages, decode_column
from slipline.components.statistics.merging import Merging


@dataclass(frozen=True, kw_only=True)
class SplitSummary(Merging):
    """All that is kept of some records, such as a split or a slice of it.

    Attributes:
      records: How many.
      not_examples: Those that are no `tf.Example`; they have no features.
      features: By feature name.
      not_sliced: Features that had too many different values to slice the records by them.
    """

    records: int = 0
    not_examples: int = 0
    features: Mapping[str, FeatureSummary] = field(default_factory=dict)
    not_sliced: tuple[str, ...] = ()


def summarise_columns(
    columns: Columns, divisions: Sequence[Groups]
) -> tuple[list[dict[str, SplitSummary]], dict[str, DecodedImages]]:
    """What a batch of records comes to; images are decoded once for all the divisions.

    Returns:
      For each division of the records, the summary of each of its groups that has records, by name; and what the
      features that hold images decode to, by name.
    """
    images: dict[str, DecodedImages] = {}
    features: list[list[dict[str, FeatureSummary]]] = [[{} for _ in groups.names] for groups in divisions]
    for (name, kind), column in columns.columns.items():
        decoded = decode_column(column, divisions) if kind == BYTES else None
        if decoded is not None:
            images[name] = decoded
        for number, groups in enumerate(divisions):
            parts = summarise_column(kind, column, groups, decoded, number)
            for found, summary in zip(features[number], parts, strict=True):
                if summary is not None:
                    found[name] = found[name].merge(summary) if name in found else summary
    summaries = [_summaries(columns, groups, parts) for groups, parts in zip(divisions, features, strict=True)]
    return summaries, images


def _summaries(
    columns: Columns, groups: Groups, features: Sequence[Mapping[str, FeatureSummary]]
) -> dict[str, SplitSummary]:
    records = groups.count(np.arange(columns.records))
    not_examples = groups.count(columns.not_examples)
    return {
        name: SplitSummary(records=records[code], not_examples=not_examples[code], features=features[code])
        for code, name in enumerate(groups.names)
        if records[code] or len(groups.names) == 1
    }
