"""Holds the examples against the reviewed schema, and says which records break it and how."""

from __future__ import annotations

from pathlib import Path

from slipline.components.artifacts import Anomalies, Baseline, Examples, Schema, Statistics
from slipline.components.beam.beam_options import BeamSettings
from slipline.components.validation.validate_settings import ValidateParams
from slipline.pipeline.core.component import component


@component(loads=("apache_beam",))
def validate(
    examples: Examples,
    statistics: Statistics,
    baseline: Baseline,
    schema: Schema,
    params: ValidateParams,
    beam: BeamSettings,
    out: Path,
) -> Anomalies:
    """Whether every record, and every split as a whole, is what the schema says.

    Each split is also held against the first one, and against itself in the run before, as far as the schema limits
    skew and drift. Images are decoded again only where the statistics, which decoded them all, count one that does not
    decode; otherwise their size is read off their heads.

    Args:
      examples: What is judged.
      statistics: Of these same examples.
      baseline: Statistics of the run before.
      schema: What they must look like; reviewed by a person.
      params: What is done about single bad records, and how many copies may be among them.
      beam: Where Beam runs.
      out: Gets `anomalies.binpb`, `distances.json`, the offending records in `offenders.tfrecord`, in `offenders.csv` a
        line for each way in which one of them breaks the schema, and their numbers in `offending/`.

    Returns:
      The verdict, with one reason for each split, feature and kind of break.

    Raises:
      BadData: The schema cannot be read or checked, the statistics are of other examples, or a shard was damaged
        or altered since it was written.
      BeamFailed: The runner lost or repeated work.
    """
    from slipline.components.features.schema_io import read_schema
    from slipline.components.schemas.schema_rules import rules_of
    from slipline.components.validation.anomalies_io import write_anomalies
    from slipline.components.validation.drift_checks import too_far
    from slipline.components.validation.judging import (
        check_records,
        compare_presence,
        findings_of,
        measured_distances,
        statistics_by_split,
        verdict_of,
    )
    from slipline.components.validation.shard_checks import gather_offenders
    from slipline.components.validation.split_checks import check_classes, check_duplicates

    described = read_schema(schema)
    rules = rules_of(described)
    judged = statistics_by_split(examples, statistics)
    checked = check_records(examples, judged, rules, beam, out)
    measured = list(measured_distances(judged, baseline, rules))
    name = str(schema.proto_path)
    findings = [
        *check_classes(statistics, baseline, described, name),
        *(finding for split in examples.splits for finding in findings_of(split, checked, judged, rules, name)),
        *compare_presence(judged, baseline, rules, name),
        *too_far(measured, name),
        *check_duplicates(examples, statistics, params),
    ]
    gather_offenders(checked, out)
    anomalies = verdict_of(findings, examples, checked, params, rules.split.least, out)
    write_anomalies(described, findings, measured, anomalies)
    return anomalies
