"""What schema and limits demand of splits as a whole: their statistics, their classes, copies among their records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from slipline.components.artifacts import Baseline, Examples, Statistics
from slipline.components.examples.record_places import RecordPlaces
from slipline.components.features.schema_io import CLASS_NAMES, class_names
from slipline.components.schemas.schema_rules import FeatureRule, Rules, SplitRule
from slipline.components.statistics.duplicates import Copies, Place, read_duplicates
from slipline.components.statistics.statistics_io import common_statistics, custom_number
from slipline.components.statistics.statistics_messages import RECORD
from slipline.components.validation.findings import Finding, Kind
from slipline.components.validation.validate_settings import ValidateParams


def check_split(
    split: str, statistics: statistics_pb2.DatasetFeatureStatistics, rules: Rules, schema: str
) -> Iterator[Finding]:
    """Every way in which a split breaks the rules, apart from its single records.

    Args:
      split: The split's name.
      statistics: Of the split.
      rules: What it must be.
      schema: The schema's file, for people.
    """
    for feature, kind, text in _problems(statistics, rules):
        remedy = f"mend the data, or change {schema} if it is meant"
        yield Finding(split=split, feature=feature, kind=kind, text=text, remedy=remedy)


def _problems(statistics: statistics_pb2.DatasetFeatureStatistics, rules: Rules) -> Iterator[tuple[str, Kind, str]]:
    records = statistics.num_examples
    if records == 0:
        yield "", Kind.EMPTY_SPLIT, "wanted records, got an empty split"
        return
    yield from _check_count(records, rules.split)
    features = {feature.name: feature for feature in statistics.features if feature.name != RECORD}
    for rule in rules.features:
        present = common_statistics(features[rule.name]).num_non_missing if rule.name in features else 0
        for kind, text in _check_presence(rule, present, records, sorted(features)):
            yield rule.name, kind, text


def _check_count(records: int, rule: SplitRule) -> Iterator[tuple[str, Kind, str]]:
    if records < rule.least:
        yield "", Kind.TOO_FEW_RECORDS, f"wanted at least {rule.least:,} records, got {records:,}"
    if rule.most is not None and records > rule.most:
        yield "", Kind.TOO_MANY_RECORDS, f"wanted at most {rule.most:,} records, got {records:,}"


def _check_presence(rule: FeatureRule, present: int, records: int, names: list[str]) -> Iterator[tuple[Kind, str]]:
    if present == 0 and (rule.min_fraction > 0 or rule.min_count > 0):
        has = ", ".join(names) or "no features"
        yield Kind.NEVER_PRESENT, f"wanted a value, got none in any of {records:,} records, which have {has}"
    elif present < rule.min_count:
        yield Kind.TOO_FEW_PRESENT, f"wanted a value in {rule.min_count:,} records, got it in {present:,}"
    elif rule.min_fraction < 1 and present < rule.min_fraction * records:  # else each such record is found by itself
        text = f"wanted a value in {rule.min_fraction:.1%} of the records, got it in {present:,} of {records:,}"
        yield Kind.TOO_FEW_PRESENT, text


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


NAMED_COPIES = 3


def check_duplicates(examples: Examples, statistics: Statistics, params: ValidateParams) -> Iterator[Finding]:
    """A finding for each split with too many copies within it, or of records of a split before it.

    Raises:
      BadData: The statistics do not say how many there are.
    """
    for copies in read_duplicates(statistics).copies:
        within = copies.split == copies.of
        limit = params.max_duplicates if within else params.max_leaks
        records = examples.split(copies.split).records
        if copies.records > limit * records:
            yield Finding(
                split=copies.split,
                feature="",
                kind=Kind.DUPLICATES if within else Kind.LEAK,
                text=_text(copies, limit, records, examples),
                remedy=f"remove the copies, or raise validate.{'max_duplicates' if within else 'max_leaks'}",
            )


def _text(copies: Copies, limit: float, records: int, examples: Examples) -> str:
    also = "repeat an earlier one" if copies.split == copies.of else f"be in {copies.of} too"
    first = ", ".join(
        f"{place_of(examples, copies.split, copy.record)} (as {place_of(examples, copies.of, copy.of)})"
        for copy in copies.first[:NAMED_COPIES]
    )
    return f"wanted at most {limit:.2%} of the records to {also}, got {copies.records:,} of {records:,}, first {first}"


def place_of(examples: Examples, split: str, place: Place) -> str:
    """Where a record came from, as its owner knows it."""
    shard = examples.split(split).shards[place.shard]
    return RecordPlaces(examples.path / shard.file, shard).place(place.record)


def check_classes(
    statistics: Statistics, baseline: Baseline, described: schema_pb2.Schema, schema: str
) -> Iterator[Finding]:
    """A finding if the classes are not the ones that the schema states, or that the run before had, in their order.

    A class folder that is added or renamed moves the numbers of the others, which every check of numbers may pass.

    Args:
      statistics: Of the examples at hand.
      baseline: Of the run before; not asked where the schema states the names.
      described: The schema.
      schema: Its file, for people.
    """
    found = statistics.class_names
    if found is None:
        return
    wanted, source = baseline.class_names, str(baseline.origin)
    for feature in described.feature:
        if (stated := class_names(feature)) is not None:
            wanted, source = stated, schema
    if wanted is not None and wanted != found:
        yield Finding(
            split="classes",
            feature="",
            kind=Kind.OTHER_CLASSES,
            text=f"wanted {_listed(wanted)} as in {source}, got {_other_names(wanted, found)}",
            remedy=(
                f"rename the folders, or state the label's annotation {{ tag: '{CLASS_NAMES}{json.dumps(found)}' }} "
                f"in {schema} if it is meant"
            ),
        )


def _other_names(wanted: Sequence[str], found: Sequence[str]) -> str:
    new, gone = [name for name in found if name not in wanted], [name for name in wanted if name not in found]
    parts = [f"new {_listed(new)}" if new else "", f"without {_listed(gone)}" if gone else ""]
    return ", ".join(filter(None, parts)) or f"another order: {_listed(found)}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
