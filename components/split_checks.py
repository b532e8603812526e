"""What the schema demands of a split as a whole, checked against its statistics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tensorflow_metadata.proto.v0 import statistics_pb2

from components.record_checks import FeatureRule, Kind
from components.statistics_io import RECORD, common_statistics, custom_number


@dataclass(frozen=True, kw_only=True)
class SplitFinding:
    """One way in which a split as a whole breaks the schema.

    Attributes:
      feature: The feature's name; empty for the split itself.
      kind: How it is broken.
      text: What was wanted and what came.
    """

    feature: str
    kind: Kind
    text: str


def check_split(
    statistics: statistics_pb2.DatasetFeatureStatistics, rules: Sequence[FeatureRule]
) -> Iterator[SplitFinding]:
    """Every way in which a split breaks the rules, apart from its single records."""
    if statistics.num_examples == 0:
        yield SplitFinding(feature="", kind=Kind.EMPTY_SPLIT, text="wanted records, got an empty split")
        return
    features = {feature.name: feature for feature in statistics.features if feature.name != RECORD}
    for rule in rules:
        present = common_statistics(features[rule.name]).num_non_missing if rule.name in features else 0
        yield from _check_presence(rule, present, statistics.num_examples, sorted(features))
    known = [rule.name for rule in rules]
    for name in sorted(set(features) - set(known)):
        text = f"wanted only the features {', '.join(known)}, got this one too, which the schema does not know"
        yield SplitFinding(feature=name, kind=Kind.UNKNOWN_FEATURE, text=text)


def _check_presence(rule: FeatureRule, present: int, records: int, names: list[str]) -> Iterator[SplitFinding]:
    if present == 0 and (rule.min_fraction > 0 or rule.min_count > 0):
        text = f"wanted a value, got none in any of {records:,} records, which have {', '.join(names) or 'no features'}"
        yield SplitFinding(feature=rule.name, kind=Kind.NEVER_PRESENT, text=text)
    elif present < rule.min_count:
        text = f"wanted a value in {rule.min_count:,} records, got it in {present:,}"
        yield SplitFinding(feature=rule.name, kind=Kind.TOO_FEW_PRESENT, text=text)
    elif rule.min_fraction < 1 and present < rule.min_fraction * records:  # else each such record is found by itself
        text = f"wanted a value in {rule.min_fraction:.1%} of the records, got it in {present:,} of {records:,}"
        yield SplitFinding(feature=rule.name, kind=Kind.TOO_FEW_PRESENT, text=text)


def images_to_decode(
    statistics: statistics_pb2.DatasetFeatureStatistics, rules: Sequence[FeatureRule]
) -> frozenset[str]:
    """The image features some of whose values do not decode, by the statistics, which decoded every one."""
    features = {feature.name: feature for feature in statistics.features}
    return frozenset(
        rule.name
        for rule in rules
        if rule.is_image
        and rule.name in features
        and custom_number(features[rule.name], "undecodable_images") != 0  # None: not one did
    )
