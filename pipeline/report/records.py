"""Where the records went: how many each step took and gave, and whether that adds up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from slipline.components.artifacts import Anomalies, Evaluation, Examples, Statistics, TrainedModel
from slipline.components.statistics.statistics_io import slice_statistics, split_statistics
from slipline.pipeline.report.kit.format import count, plural
from slipline.pipeline.report.kit.section import Cell, Column, Row, Section, Table, Text, number
from slipline.pipeline.report.products import AnyProduct
from slipline.pipeline.report.sections.examples import by_split
from slipline.pipeline.report.sections.statistics import slices_by_feature


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The records of one step.

    Attributes:
      taken: Records handed to it.
      aside: Records it left out, and said so.
      given: Records that it accounts for.
      words: What it did with them, by split.
      fault: How the parts fail to make up the whole; empty if they do.
    """

    taken: int
    aside: int = 0
    given: int
    words: str
    fault: str = ""

    @property
    def problem(self) -> str:
        """What does not add up, for people; empty if all does."""
        missing = self.taken - self.aside - self.given
        if missing:
            return f"{count(abs(missing))} {'missing' if missing > 0 else 'too many'}"
        return self.fault


def records_section(products: Sequence[AnyProduct]) -> Section | None:
    """A line for each step that takes or makes records; None if none did."""
    stages = [(product.step, stage) for product in products if (stage := stage_of(product)) is not None]
    if not stages:
        return None
    if any(stage.problem for _, stage in stages):
        told = Text(
            "A step did not account for every record it took; the lines in red say which.",
            "bad",
            "Records are missing, or there are too many.",
        )
    else:
        told = Text(
            "Every record is accounted for: those a step took are those it gave and those it set aside.", "lead"
        )
    heads = (number("In"), number("Set aside"), number("Out"), "Adds up", Column("What became of them", "long"))
    return Section(
        "Records", (told, Table(("Step", *heads), [_row(*each) for each in stages], "What each step took and gave"))
    )


def _row(step: str, stage: Stage) -> Row:
    adds_up = Cell(f"✗ {stage.problem}", "bad") if stage.problem else Cell("✓", "good", title="yes")
    return (step, count(stage.taken), count(stage.aside), count(stage.given), adds_up, stage.words)


def stage_of(product: AnyProduct) -> Stage | None:
    """What became of the records that a step took; None if it is not known to take or make any."""
    artifact, examples = product.artifact, product.took(Examples)
    if isinstance(artifact, Examples):
        if examples is not None:
            return _kept(artifact, examples, product.took(Anomalies))
        return Stage(taken=artifact.records, given=artifact.records, words=f"written: {by_split(artifact)}")
    if examples is None:
        return None
    if isinstance(artifact, Statistics):
        return _described(artifact, examples)
    if isinstance(artifact, Anomalies):
        broken = f"{plural(artifact.offending, 'record')} broke the schema" if artifact.offending else "none is wrong"
        return Stage(taken=examples.records, given=artifact.records, words=f"checked: {broken}")
    if isinstance(artifact, TrainedModel):
        return _trained(artifact, examples)
    return _evaluated(artifact, examples) if isinstance(artifact, Evaluation) else None


def _kept(rest: Examples, examples: Examples, anomalies: Anomalies | None) -> Stage:
    wanted = rest.set_aside if anomalies is None else anomalies.set_aside
    return Stage(
        taken=examples.records,
        aside=rest.set_aside,
        given=rest.records,
        words=f"kept: {by_split(rest)}",
        fault="" if rest.set_aside == wanted else f"{count(wanted)} were to be set aside",
    )


def _described(statistics: Statistics, examples: Examples) -> Stage:
    wanted = {split.name: split.records for split in examples.splits}
    counted = {name: int(split.num_examples) for name, split in split_statistics(statistics).items()}
    faults = [fault for name in counted for fault in _slice_faults(statistics, name, counted[name])]
    return Stage(
        taken=examples.records,
        given=sum(counted.values()),
        words=f"described: {', '.join(f'{count(records)} {name}' for name, records in counted.items())}",
        fault="; ".join([*_split_faults(wanted, counted), *faults]),
    )


def _split_faults(wanted: Mapping[str, int], got: Mapping[str, int]) -> Iterator[str]:
    for name in {**wanted, **got}:
        if wanted.get(name, 0) != got.get(name, 0):
            yield f"{count(got.get(name, 0))} instead of {count(wanted.get(name, 0))} in {name}"


def _slice_faults(statistics: Statistics, split: str, records: int) -> Iterator[str]:
    for feature, slices in slices_by_feature(slice_statistics(statistics, split)).items():
        together = sum(int(dataset.num_examples) for dataset in slices.values())
        if together != records:
            yield f"the slices of {split} by {feature} have {count(together)} instead of {count(records)}"


def _trained(trained: TrainedModel, examples: Examples) -> Stage | None:
    held_out = trained.validation_records
    taken = _records(examples, trained.split)
    words = f"learnt from: {trained.split}" + (f", but {count(held_out)} held out" if held_out else "")
    return None if taken is None else Stage(taken=taken, aside=held_out, given=trained.records, words=words)


def _evaluated(evaluation: Evaluation, examples: Examples) -> Stage | None:
    together = sum(metrics.records for metrics in evaluation.slices)
    asked = evaluation.overall.records
    taken = _records(examples, evaluation.split)
    fault = "" if together == asked else f"its slices have {count(together)} instead of {count(asked)}"
    words = f"predicted: {evaluation.split}"
    return None if taken is None else Stage(taken=taken, given=asked, words=words, fault=fault)


def _records(examples: Examples, split: str) -> int | None:
    """How many records a split has; None if the artifact that names it says of none, or of one that is not there."""
    return next((each.records for each in examples.splits if each.name == split), None)
