"""What the report says about the checks of the data: anomalies, records set aside, copies, skew and drift."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

from slipline.components.artifacts import Anomalies, Baseline, Examples, Schema, Statistics
from slipline.components.errors import BadData
from slipline.components.examples.record_places import RecordPlaces
from slipline.components.features.schema_io import read_schema
from slipline.components.files.tfrecord_files import read_records
from slipline.components.schemas.schema_rules import rules_of
from slipline.components.statistics.duplicates import Copies, Place, read_duplicates
from slipline.components.statistics.statistics_io import split_statistics
from slipline.components.steps.compare_serving import serving_distances
from slipline.components.steps.validate import measured_distances
from slipline.components.validation.drift_checks import Distance, Measurement
from slipline.components.validation.offenders import LISTING, OFFENDERS
from slipline.pipeline.app.report_artifacts import made_by
from slipline.pipeline.app.report_format import percent, significant
from slipline.pipeline.app.report_images import picture_in
from slipline.pipeline.app.settings.training_settings import TrainingSettings
from slipline.pipeline.runners.local import RunReport

SHOWN_OFFENDERS = 12
LOOKED_AT_OFFENDERS = 200
SHOWN_COPIES = 3

DISTANCE_WORDS = {
    Distance.L_INFINITY: "largest difference of a share",
    Distance.JENSEN_SHANNON: "Jensen-Shannon divergence",
}


@dataclass(frozen=True, kw_only=True)
class Offender:
    """A record that breaks the schema and has an image to show.

    Attributes:
      uri: The image as a `data:` URI.
      split: Its split.
      where: Its place in its source.
      breaks: Each way in which it breaks the schema, in words.
    """

    uri: str
    split: str
    where: str
    breaks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RecordPlace:
    """A record: its source file, and its number there, from 0; None if it is the whole file."""

    file: str
    record: int | None


@dataclass(frozen=True, kw_only=True)
class CopiesLine:
    """The records of a split that stand in another, or repeat an earlier one of the same.

    Attributes:
      split: Whose records they are.
      of: The other split; empty for repeats within the split.
      records: How many.
      share: Of the split's records.
      first: The first few, each with the record that it repeats.
    """

    split: str
    of: str
    records: int
    share: str
    first: tuple[tuple[RecordPlace, RecordPlace], ...]


@dataclass(frozen=True, kw_only=True)
class DistanceLine:
    """A measured distance of two distributions.

    Attributes:
      against: What the split was held against.
      words: How the distance was measured.
      value: The distance.
      limit: The greatest allowed.
      note: What helps to judge it.
      passed: Whether it is within its limit, or within what chance explains.
    """

    split: str
    against: str
    feature: str
    words: str
    value: str
    limit: str
    note: str
    passed: bool


@dataclass(frozen=True, kw_only=True)
class Checks:
    """What was checked of the data, as far as the run came.

    Attributes:
      anomalies: The verdict; None if the data were not checked.
      serving: The verdict on records asked in production; None if none were given.
      listing: The file that lists the offending records, and those themselves; empty if there are none.
      offenders: The first of them that have an image.
      copies: None if they were not counted.
      baseline: Of which run the earlier statistics are; None if there is none.
      skew: Distances between splits, and from records asked in production.
      drift: Distances from the earlier run.
    """

    anomalies: Anomalies | None
    serving: Anomalies | None
    listing: tuple[Path, ...]
    offenders: tuple[Offender, ...]
    copies: tuple[CopiesLine, ...] | None
    baseline: str | None
    skew: tuple[DistanceLine, ...]
    drift: tuple[DistanceLine, ...]


def checks_of(run: RunReport, settings: TrainingSettings) -> Checks | None:
    """The checks of the run's data; None if no data came in."""
    examples = made_by(run, "ingest", Examples)
    if examples is None:
        return None
    anomalies = made_by(run, "validate", Anomalies)
    baseline = made_by(run, "find_baseline", Baseline)
    distances = tuple(_distances(run, baseline, settings))
    listed = anomalies is not None and anomalies.offending and (anomalies.path / LISTING).is_file()
    return Checks(
        anomalies=anomalies,
        serving=made_by(run, "compare_serving", Anomalies),
        listing=(anomalies.path / LISTING, anomalies.path / OFFENDERS) if anomalies and listed else (),
        offenders=tuple(islice(_offenders(anomalies), SHOWN_OFFENDERS)) if anomalies and listed else (),
        copies=_copies(run, examples),
        baseline=baseline.origin if baseline else None,
        skew=tuple(_line(distance) for distance in distances if not distance.is_drift),
        drift=tuple(_line(distance) for distance in distances if distance.is_drift),
    )


def _offenders(anomalies: Anomalies) -> Iterator[Offender]:
    with (anomalies.path / LISTING).open(newline="", encoding="utf-8") as stream:
        # Both files are in the order of the shards, a record's lines one after the other.
        listed = groupby(csv.DictReader(stream), key=lambda line: (line["split"], line["where"]))
        records = islice(read_records(anomalies.path / OFFENDERS), LOOKED_AT_OFFENDERS)
        for ((split, where), lines), record in zip(listed, records, strict=False):
            breaks = tuple(f"{line['feature']} wanted {line['wanted']}, got {line['got']}".lstrip() for line in lines)
            uri = picture_in(record)
            if uri is not None:
                yield Offender(uri=uri, split=split, where=where, breaks=breaks)


def _copies(run: RunReport, examples: Examples) -> tuple[CopiesLine, ...] | None:
    statistics = made_by(run, "compute_statistics", Statistics)
    if statistics is None:
        return None
    return tuple(_copies_line(copies, examples) for copies in read_duplicates(statistics).copies)


def _copies_line(copies: Copies, examples: Examples) -> CopiesLine:
    records = examples.split(copies.split).records
    return CopiesLine(
        split=copies.split,
        of="" if copies.of == copies.split else copies.of,
        records=copies.records,
        share=percent(copies.records / records if records else 0.0),
        first=tuple(
            (_place(examples, copies.split, copy.record), _place(examples, copies.of, copy.of))
            for copy in copies.first[:SHOWN_COPIES]
        ),
    )


def _place(examples: Examples, split: str, place: Place) -> RecordPlace:
    shard = examples.split(split).shards[place.shard]
    file, record = RecordPlaces(examples.path / shard.file, shard).source(place.record)
    return RecordPlace(file=file, record=record)


def _distances(run: RunReport, baseline: Baseline | None, settings: TrainingSettings) -> Iterator[Measurement]:
    """Measured anew: what is on record does not say of which splits."""
    statistics = made_by(run, "compute_statistics", Statistics)
    if statistics is None or baseline is None or run.made("validate") is None:
        return
    try:
        schema = read_schema(Schema(path=settings.schema_path))
        yield from measured_distances(split_statistics(statistics), baseline, rules_of(schema))
    except BadData:  # changed since
        return
    serving = made_by(run, "compute_serving_statistics", Statistics)
    if serving is not None:
        yield from serving_distances(statistics, serving, schema)


def _line(measured: Measurement) -> DistanceLine:
    within_chance = measured.limit < measured.value <= measured.chance
    return DistanceLine(
        split=measured.split,
        against=measured.against,
        feature=measured.feature,
        words=DISTANCE_WORDS[measured.distance],
        value="not measurable" if math.isnan(measured.value) else significant(measured.value),
        limit=significant(measured.limit),
        note=f"chance explains up to {significant(measured.chance)}" if within_chance else measured.most_at,
        passed=measured.value <= max(measured.limit, measured.chance),
    )
