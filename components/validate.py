"""Holds the examples against the reviewed schema, and says which records break it and how."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, TypeAlias

from tensorflow_metadata.proto.v0 import statistics_pb2

from components.anomalies_io import Finding, write_anomalies
from components.beam_options import BeamSettings, run_jobs
from components.errors import BadData
from components.record_checks import FeatureRule, Kind, rules_of
from components.schema_io import read_schema
from components.shard_checks import SHOWN_VALUES, Checked, Job, Tallies, Tally, check
from components.split_checks import SplitFinding, check_split, images_to_decode
from components.statistics_io import read_statistics
from pipeline.artifacts import Anomalies, Examples, Schema, Split, Statistics
from pipeline.component import component

OFFENDERS = "offenders.tfrecord"
LISTING = "offenders.csv"
LISTING_HEAD = "split,where,feature,kind,wanted,got\r\n"

SplitStatistics: TypeAlias = statistics_pb2.DatasetFeatureStatistics


@component(loads=("apache_beam",))
def validate(examples: Examples, statistics: Statistics, schema: Schema, beam: BeamSettings, out: Path) -> Anomalies:
    """Whether every record, and every split as a whole, is what the schema says.

    Images are decoded again only where the statistics, which decoded them all, count one that does not decode;
    otherwise their size is read off their heads.

    Args:
      examples: What is judged.
      statistics: Of these same examples.
      schema: What they must look like; reviewed by a person.
      beam: Where Beam runs.
      out: Gets `anomalies.binpb`, the offending records in `offenders.tfrecord`, and in `offenders.csv` a line for
        each way in which one of them breaks the schema.

    Returns:
      The verdict, with one reason for each split, feature and kind of break.

    Raises:
      BadData: The schema cannot be read or checked, the statistics are of other examples, or a shard was damaged.
    """
    described = read_schema(schema)
    rules = rules_of(described)
    judged = _statistics_by_split(examples, statistics)
    jobs = list(_jobs(examples, judged, rules, out))
    checked = sorted(run_jobs(beam, jobs, _check_all, out), key=lambda each: each.job.number)
    _require_all(examples, checked)
    findings = [
        finding
        for split in examples.splits
        for finding in _findings(split, checked, check_split(judged[split.name], rules), schema.proto_path)
    ]
    _gather_offenders(checked, out)
    anomalies = Anomalies(
        path=out,
        passed=not findings,
        reasons=tuple(finding.sentence for finding in findings),
        records=sum(each.records for each in checked),
        offending=sum(each.offending for each in checked),
    )
    write_anomalies(described, findings, anomalies.proto_path)
    return anomalies


def _statistics_by_split(examples: Examples, statistics: Statistics) -> dict[str, SplitStatistics]:
    found = {dataset.name: dataset for dataset in read_statistics(statistics).datasets}
    wanted = {split.name: split.records for split in examples.splits}
    got = {name: dataset.num_examples for name, dataset in found.items()}
    if wanted != got:
        raise BadData(f"{statistics.proto_path}: wanted statistics of these examples, {wanted} records, got of {got}")
    return found


def _jobs(
    examples: Examples, judged: dict[str, SplitStatistics], rules: tuple[FeatureRule, ...], out: Path
) -> Iterator[Job]:
    shards = [(split.name, shard) for split in examples.splits for shard in split.shards]
    for number, (split, shard) in enumerate(shards):
        yield Job(
            number=number,
            split=split,
            shard=shard,
            file=examples.path / shard.file,
            rules=rules,
            decode=images_to_decode(judged[split], rules),
            offenders=out / f".{number}.tfrecord",
            listing=out / f".{number}.csv",
        )


def _check_all(jobs: object) -> object:
    import apache_beam as beam

    return jobs | beam.Map(check)


def _require_all(examples: Examples, checked: Sequence[Checked]) -> None:
    for split in examples.splits:
        records = sum(each.records for each in checked if each.job.split == split.name)
        if records != split.records:
            raise BadData(
                f"{split.name}: wanted {split.records:,} records checked, Beam returned {records:,}; "
                f"its runner lost work, or {examples.path} was altered"
            )


def _findings(
    split: Split, checked: Sequence[Checked], of_split: Iterator[SplitFinding], schema: Path
) -> Iterator[Finding]:
    never_present = set()
    for found in of_split:
        if found.kind is Kind.NEVER_PRESENT:
            never_present.add(found.feature)
        sentence = f"{_subject(split, found.feature)}: {found.text}; mend the data, or change {schema} if it is meant"
        yield Finding(feature=found.feature, kind=found.kind, sentence=sentence)
    for (feature, kind), tally in _together(each.tallies for each in checked if each.job.split == split.name).items():
        if not (kind is Kind.MISSING and feature in never_present):
            yield Finding(feature=feature, kind=kind, sentence=_sentence(split, feature, tally, schema))


def _together(parts: Iterator[Tallies]) -> Tallies:
    together: Tallies = {}
    for tallies in parts:
        for key, tally in tallies.items():
            together.setdefault(key, Tally(wanted=tally.wanted)).add(tally.got, tally.records, tally.first)
    return together


def _sentence(split: Split, feature: str, tally: Tally, schema: Path) -> str:
    got = " or ".join(tally.got[:SHOWN_VALUES]) + (" or others" if len(tally.got) > SHOWN_VALUES else "")
    offenders = "the record" if tally.records == 1 else "the records"
    return (
        f"{_subject(split, feature)}: wanted {tally.wanted}, got {got} "
        f"in {tally.records:,} of {split.records:,} records, first {', '.join(tally.first)}; "
        f"fix or remove {offenders}, or change {schema} if it is meant"
    )


def _subject(split: Split, feature: str) -> str:
    return f"{split.name}: {feature}" if feature else split.name


def _gather_offenders(checked: Sequence[Checked], out: Path) -> None:
    with (out / OFFENDERS).open("wb") as records, (out / LISTING).open("wb") as listing:
        listing.write(LISTING_HEAD.encode())
        for job in (each.job for each in checked):
            _move_to_end(job.offenders, records)
            _move_to_end(job.listing, listing)


def _move_to_end(part: Path, whole: BinaryIO) -> None:
    with part.open("rb") as stream:
        shutil.copyfileobj(stream, whole)
    part.unlink()
