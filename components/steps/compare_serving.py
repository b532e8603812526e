"""Holds what is asked in production against what is learnt from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from slipline.components.artifacts import Anomalies, Schema, Statistics
from slipline.components.features.schema_io import read_schema
from slipline.components.schemas.schema_rules import SERVING, Rules, rules_of
from slipline.components.statistics.statistics_io import split_statistics
from slipline.components.validation.anomalies_io import write_anomalies
from slipline.components.validation.drift_checks import Reference, SplitStatistics, measure, too_far
from slipline.components.validation.findings import Finding, Kind
from slipline.pipeline.core.component import component


@component
def compare_serving(statistics: Statistics, serving: Statistics, schema: Schema, out: Path) -> Anomalies:
    """Whether records asked in production have the features of the first split, distributed alike.

    Of a feature that production lacks by nature, such as the label, the schema says
    `not_in_environment: "SERVING"`.

    Args:
      statistics: Of the examples learnt from.
      serving: Of records asked in production.
      schema: How far the two may differ: its skew comparators.
      out: Gets `anomalies.binpb` and `distances.json`.

    Returns:
      The verdict, with one reason for each feature and kind of difference.

    Raises:
      BadData: The schema or the statistics cannot be read.
    """
    described = read_schema(schema)
    rules = rules_of(described, SERVING)
    asked = split_statistics(serving)
    name, learnt = next(iter(split_statistics(statistics).items()))
    reference = Reference(name=name, statistics=learnt)
    measured = [found for split, each in asked.items() for found in measure(split, each, reference, rules.features)]
    file = str(schema.proto_path)
    findings = [
        *(finding for split, of_split in asked.items() for finding in _missing(split, of_split, rules, file)),
        *too_far(measured, file),
    ]
    anomalies = Anomalies(
        path=out,
        passed=not findings,
        reasons=tuple(finding.sentence for finding in findings),
        records=sum(of_split.num_examples for of_split in asked.values()),
        offending=0,
    )
    write_anomalies(described, findings, measured, anomalies)
    return anomalies


def _missing(split: str, statistics: SplitStatistics, rules: Rules, schema: str) -> Iterator[Finding]:
    names = {feature.name for feature in statistics.features}
    for rule in rules.features:
        if rule.name not in names and rule.min_fraction > 0:
            yield Finding(
                split=split,
                feature=rule.name,
                kind=Kind.NEVER_PRESENT,
                text=f"wanted the feature that is learnt from, got {', '.join(sorted(names)) or 'none'}",
                remedy=f'send it, or state not_in_environment: "{SERVING}" in {schema}',
            )
