"""What comes of holding examples against a schema: the findings of every check, and the verdict on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from slipline.components.artifacts import Anomalies, Baseline, Examples, Split, Statistics
from slipline.components.beam.beam_options import BeamSettings
from slipline.components.beam.jobs import map_jobs
from slipline.components.errors import BadData
from slipline.components.schemas.schema_rules import Rules
from slipline.components.statistics.statistics_io import split_statistics
from slipline.components.validation.drift_checks import (
    Measurement,
    Reference,
    SplitStatistics,
    compare_records,
    measure,
    vanished,
)
from slipline.components.validation.findings import Finding, Kind
from slipline.components.validation.shard_checks import (
    SHOWN_VALUES,
    Checked,
    CheckJob,
    Tallies,
    ViolationTally,
    check,
)
from slipline.components.validation.split_checks import check_split, images_to_decode
from slipline.components.validation.validate_settings import ValidateParams

RECORDS_PER_S = 150_000
"""What one process checks, roughly: records of an image and a label."""


def statistics_by_split(examples: Examples, statistics: Statistics) -> dict[str, SplitStatistics]:
    """The statistics of each split.

    Raises:
      BadData: They are of other examples.
    """
    found = split_statistics(statistics)
    wanted = {split.name: split.records for split in examples.splits}
    got = {name: dataset.num_examples for name, dataset in found.items()}
    if wanted != got:
        raise BadData(f"{statistics.proto_path}: wanted statistics of these examples, {wanted} records, got of {got}")
    return found


def check_records(
    examples: Examples, judged: dict[str, SplitStatistics], rules: Rules, beam: BeamSettings, out: Path
) -> list[Checked]:
    """What the records of each shard break, in order.

    Raises:
      BadData: A shard was damaged or altered since it was written.
      BeamFailed: The runner lost or repeated work.
    """
    (out / "offending").mkdir()
    jobs = list(_jobs(examples, judged, rules, out))
    names = [str(job.file) for job in jobs]
    return map_jobs(beam, jobs, check, out, names=names, alone_s=examples.records / RECORDS_PER_S)


def _jobs(examples: Examples, judged: dict[str, SplitStatistics], rules: Rules, out: Path) -> Iterator[CheckJob]:
    shards = [(split.name, shard) for split in examples.splits for shard in split.shards]
    for number, (split, shard) in enumerate(shards):
        yield CheckJob(
            split=split,
            shard=shard,
            file=examples.path / shard.file,
            rules=rules.features,
            decode=images_to_decode(judged[split], rules.features),
            offenders=out / f".{number}.tfrecord",
            numbers=Anomalies(path=out, passed=False, records=0, offending=0).offending_numbers(shard),
            listing=out / f".{number}.csv",
        )


def measured_distances(judged: dict[str, SplitStatistics], baseline: Baseline, rules: Rules) -> Iterator[Measurement]:
    """Every distance that is held against a limit: of each split from the first, and from itself in the run before."""
    first, *others = judged
    for split in others:
        yield from measure(split, judged[split], Reference(name=first, statistics=judged[first]), rules.features)
    for split, before in _before(judged, baseline).items():
        reference = Reference(name=str(baseline.origin), statistics=before, is_drift=True)
        yield from measure(split, judged[split], reference, rules.features)


def _before(judged: dict[str, SplitStatistics], baseline: Baseline) -> dict[str, SplitStatistics]:
    found = {} if baseline.origin is None else split_statistics(baseline)
    return {split: before for split, before in found.items() if split in judged}


def compare_presence(
    judged: dict[str, SplitStatistics], baseline: Baseline, rules: Rules, schema: str
) -> Iterator[Finding]:
    """What has become fewer, or is gone, since the run before."""
    for split, before in _before(judged, baseline).items():
        yield from compare_records(split, judged[split].num_examples, before.num_examples, rules.split, schema)
        yield from vanished(split, judged[split], before, rules.features, schema)


def findings_of(
    split: Split, checked: Sequence[Checked], judged: dict[str, SplitStatistics], rules: Rules, schema: str
) -> Iterator[Finding]:
    """What is wrong with a split as a whole, and with records of it."""
    never_present = set()
    for found in check_split(split.name, judged[split.name], rules, schema):
        if found.kind is Kind.NEVER_PRESENT:
            never_present.add(found.feature)
        yield found
    for (feature, kind), tally in _together(each.tallies for each in checked if each.job.split == split.name).items():
        if not (kind is Kind.MISSING and feature in never_present):
            yield _finding(split, feature, kind, tally, schema)


def _together(parts: Iterator[Tallies]) -> Tallies:
    together: Tallies = {}
    for tallies in parts:
        for key, tally in tallies.items():
            together.setdefault(key, ViolationTally(wanted=tally.wanted)).add(tally.got, tally.records, tally.first)
    return together


def _finding(split: Split, feature: str, kind: Kind, tally: ViolationTally, schema: str) -> Finding:
    got = " or ".join(tally.got[:SHOWN_VALUES]) + (" or others" if len(tally.got) > SHOWN_VALUES else "")
    offenders = "the record" if tally.records == 1 else "the records"
    return Finding(
        split=split.name,
        feature=feature,
        kind=kind,
        text=(
            f"wanted {tally.wanted}, got {got} in {tally.records:,} of {split.records:,} records, "
            f"first {', '.join(tally.first)}"
        ),
        remedy=f"fix or remove {offenders}, or change {schema} if it is meant",
        of_records=True,
    )


def verdict_of(
    findings: Sequence[Finding],
    examples: Examples,
    checked: Sequence[Checked],
    params: ValidateParams,
    least: int,
    out: Path,
) -> Anomalies:
    """Closes the gate for every finding, or only for those that setting records aside does not mend."""
    setting_aside = params.policy == "set_aside"
    reasons = [finding.sentence for finding in findings if not (setting_aside and finding.of_records)]
    aside = [finding.sentence for finding in findings if setting_aside and finding.of_records]
    if setting_aside and (too_many := list(_too_many(examples, checked, params, least))):
        reasons.extend([*too_many, *aside])
    passed = not reasons
    offending = sum(each.offending for each in checked)
    return Anomalies(
        path=out,
        passed=passed,
        reasons=tuple(reasons),
        records=examples.records,
        offending=offending,
        set_aside=offending if passed else 0,
        remarks=tuple(aside if passed else ()),
    )


def _too_many(examples: Examples, checked: Sequence[Checked], params: ValidateParams, least: int) -> Iterator[str]:
    for split in examples.splits:
        offending = sum(each.offending for each in checked if each.job.split == split.name)
        if offending > params.max_set_aside * split.records:
            yield (
                f"{split.name}: wanted at most {params.max_set_aside:.2%} of the records set aside, got {offending:,} "
                f"of {split.records:,}; fix or remove them, or raise validate.max_set_aside"
            )
        elif offending == split.records:
            yield f"{split.name}: wanted records that are right, got none among {split.records:,}; mend the data"
        elif split.records - offending < least <= split.records:
            yield (
                f"{split.name}: wanted at least {least:,} records, got {split.records - offending:,} without the "
                f"{offending:,} that are to be set aside; mend the data"
            )
