"""What the report shows of checks of the data: what is wrong, records that are, and how far distributions moved."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from itertools import groupby, islice

from slipline.components.artifacts import Anomalies, Baseline
from slipline.components.files.tfrecord_files import read_records
from slipline.components.validation.anomalies_io import read_distances
from slipline.components.validation.drift_checks import Distance, Measurement
from slipline.pipeline.report.kit.format import count, plural, significant
from slipline.pipeline.report.kit.pictures import picture_in, place_name
from slipline.pipeline.report.kit.section import (
    Cell,
    Heading,
    Part,
    Picture,
    Pictures,
    Reasons,
    Row,
    Section,
    Table,
    Text,
    number,
)
from slipline.pipeline.report.products import AnyProduct, Product

SHOWN_OFFENDERS = 12
LOOKED_AT_OFFENDERS = 200

DISTANCE_WORDS = {
    Distance.L_INFINITY: "largest difference of a share",
    Distance.JENSEN_SHANNON: "Jensen-Shannon divergence",
}


def anomalies_section(product: Product[Anomalies], among: Sequence[AnyProduct]) -> Section:
    """The checks."""
    anomalies = product.artifact
    baseline = product.took(Baseline)
    return Section(
        "Checks",
        (
            Heading("Anomalies"),
            *_found(anomalies),
            *_offenders(anomalies),
            Heading("Skew and drift"),
            *_distances(read_distances(anomalies), baseline),
        ),
    )


def _found(anomalies: Anomalies) -> Iterator[Part]:
    if anomalies.set_aside:
        mark = f"{count(anomalies.set_aside)} of {plural(anomalies.records, 'record')} were set aside"
        yield Text("because they break the schema; the rest went on.", "warn", mark)
        yield Reasons(anomalies.remarks)
    elif anomalies.passed:
        yield Text(f"in {plural(anomalies.records, 'record')}.", "good", "None found")
    else:
        if anomalies.offending:
            breaks = "breaks" if anomalies.offending == 1 else "break"
            yield Text(f"{count(anomalies.offending)} of {plural(anomalies.records, 'record')} {breaks} the schema.")
        else:
            yield Text(f"No single one of {plural(anomalies.records, 'record')} is wrong, but all together are.")
        yield Reasons(anomalies.reasons)


def _offenders(anomalies: Anomalies) -> Iterator[Part]:
    if not anomalies.offending or not anomalies.listing_path.is_file():
        return
    yield Text(f"Each is listed in {anomalies.listing_path} and kept in {anomalies.offenders_path}.", "quiet")
    if pictures := list(islice(_pictures(anomalies), SHOWN_OFFENDERS)):
        yield Pictures(pictures, beside=True)


def _pictures(anomalies: Anomalies) -> Iterator[Picture]:
    """Of the records that break the schema those that have an image."""
    with anomalies.listing_path.open(newline="", encoding="utf-8", errors="replace") as stream:
        # Both files are in the order of the shards, a record's lines one after the other.
        listed = groupby(csv.DictReader(stream), key=lambda line: (line["split"], line["where"]))
        records = islice(read_records(anomalies.offenders_path), LOOKED_AT_OFFENDERS)
        for ((split, where), lines), record in zip(listed, records, strict=False):
            breaks = [f"{line['feature']} wanted {line['wanted']}, got {line['got']}".lstrip() for line in lines]
            if uri := picture_in(record):
                what = "a record that breaks the schema"
                yield Picture([uri], what, breaks, f"{split}: {place_name(where)}", where)


def _distances(measured: Sequence[Measurement], baseline: Baseline | None) -> Iterator[Part]:
    skew, drift = ([each for each in measured if each.is_drift is is_drift] for is_drift in (False, True))
    if skew:
        yield _table("Skew: of splits and of what is asked in production, against others of today", skew)
    else:
        yield Text("Skew: nothing to measure; there is one split, or the schema states no limit.", "quiet")
    if drift:
        yield _table("Drift: against an earlier run", drift)
    elif baseline is not None and baseline.origin:
        told = f"the schema states no limit for what could be compared with {baseline.origin}."
        yield Text(f"Drift: {told}", "quiet")
    elif baseline is not None:
        yield Text("Drift: no earlier run to compare with.", "quiet")


def _table(caption: str, measured: Sequence[Measurement]) -> Table:
    columns = ("Feature", "Split", "Against", "Distance", number("Measured"), number("Limit"), "Note")
    return Table(columns, [_row(each) for each in measured], caption)


def _row(measured: Measurement) -> Row:
    value = "not measurable" if math.isnan(measured.value) else significant(measured.value)
    within_chance = measured.limit < measured.value <= measured.chance
    note = f"chance explains up to {significant(measured.chance)}" if within_chance else measured.most_at
    passed = measured.value <= max(measured.limit, measured.chance)
    return (
        *(measured.feature, measured.split, measured.against, DISTANCE_WORDS[measured.distance]),
        Cell(value, "good" if passed else "bad"),
        significant(measured.limit),
        note,
    )
