"""Where the records went: how many each stage took and gave, and whether that adds up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from slipline.components.artifacts import Anomalies, Evaluation, Examples, Shard, Statistics, TrainedModel
from slipline.components.examples.record_places import RecordPlaces
from slipline.components.statistics.statistics_io import DatasetStatistics, slice_statistics, split_statistics
from slipline.pipeline.app.report_artifacts import learnt_from, made_by
from slipline.pipeline.app.report_format import count, plural
from slipline.pipeline.app.settings.training_settings import TrainingSettings
from slipline.pipeline.runners.local import RunReport


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The records of one stage.

    Attributes:
      step: Its name.
      taken: Records handed to it.
      aside: Records it left out, and said so.
      given: Records that it accounts for.
      words: What it did with them, by split.
      fault: How the parts fail to make up the whole; empty if they do.
    """

    step: str
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


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A source, or a folder of files with a record each.

    Attributes:
      split: Where its records went.
      file: Its path.
      files: How many files it is.
      records: Read from it.
      shards: That its records were written to.
    """

    split: str
    file: str
    files: str
    records: str
    shards: str


@dataclass(frozen=True, kw_only=True)
class Records:
    """All stages in run order, and the source files."""

    stages: tuple[Stage, ...]
    sources: tuple[SourceFile, ...]

    @property
    def add_up(self) -> bool:
        """Whether every stage accounts for every record."""
        return not any(stage.problem for stage in self.stages)


def records_of(run: RunReport, settings: TrainingSettings) -> Records | None:
    """Where the records of the run went; None if none came in."""
    examples = made_by(run, "ingest", Examples)
    if examples is None:
        return None
    stages = [*_described(run, "ingest", "compute_statistics", examples), *_checked(run, examples)]
    if asked := made_by(run, "ingest_serving", Examples):
        stages += _described(run, "ingest_serving", "compute_serving_statistics", asked)
    rest = learnt_from(run) or examples
    stages += [*_kept(run, examples), *_trained(run, rest, settings), *_evaluated(run, rest, settings)]
    return Records(stages=tuple(stages), sources=source_files(examples))


def _described(run: RunReport, ingest: str, compute_statistics: str, examples: Examples) -> Iterator[Stage]:
    records = {split.name: split.records for split in examples.splits}
    yield Stage(step=ingest, taken=examples.records, given=examples.records, words=f"written: {_by_split(records)}")
    statistics = made_by(run, compute_statistics, Statistics)
    if statistics is not None:
        described = split_statistics(statistics)
        counted = {name: int(split.num_examples) for name, split in described.items()}
        faults = [fault for name in described for fault in _slice_faults(statistics, name, counted[name])]
        yield Stage(
            step=compute_statistics,
            taken=examples.records,
            given=sum(counted.values()),
            words=f"described: {_by_split(counted)}",
            fault="; ".join([*_split_faults(records, counted), *faults]),
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


def slices_by_feature(slices: Mapping[str, DatasetStatistics]) -> dict[str, dict[str, DatasetStatistics]]:
    """Slices named `label=7`, first by the feature, then by its value."""
    found: dict[str, dict[str, DatasetStatistics]] = {}
    for name, dataset in slices.items():
        feature, _, value = name.partition("=")
        found.setdefault(feature, {})[value] = dataset
    return found


def _checked(run: RunReport, examples: Examples) -> Iterator[Stage]:
    anomalies = made_by(run, "validate", Anomalies)
    if anomalies is not None:
        broken = f"{plural(anomalies.offending, 'record')} broke the schema" if anomalies.offending else "none is wrong"
        words = f"checked: {broken}"
        yield Stage(step="validate", taken=examples.records, given=anomalies.records, words=words)


def _kept(run: RunReport, examples: Examples) -> Iterator[Stage]:
    rest, anomalies = made_by(run, "set_aside", Examples), made_by(run, "validate", Anomalies)
    if rest is not None and anomalies is not None:
        wanted = anomalies.set_aside
        yield Stage(
            step="set_aside",
            taken=examples.records,
            aside=rest.set_aside,
            given=rest.records,
            words=f"kept: {_by_split({split.name: split.records for split in rest.splits})}",
            fault="" if rest.set_aside == wanted else f"validate wanted {count(wanted)} set aside",
        )


def _trained(run: RunReport, examples: Examples, settings: TrainingSettings) -> Iterator[Stage]:
    trained = made_by(run, "train", TrainedModel)
    if trained is not None:
        split = examples.split(settings.train.split)
        held_out = trained.validation_records
        yield Stage(
            step="train",
            taken=split.records,
            aside=held_out,
            given=trained.records,
            words=f"learnt from: {split.name}" + (f", but {count(held_out)} held out" if held_out else ""),
        )


def _evaluated(run: RunReport, examples: Examples, settings: TrainingSettings) -> Iterator[Stage]:
    evaluation = made_by(run, "evaluate", Evaluation)
    if evaluation is not None:
        split = examples.split(settings.evaluate.split)
        together = sum(metrics.records for metrics in evaluation.slices)
        asked = evaluation.overall.records
        yield Stage(
            step="evaluate",
            taken=split.records,
            given=asked,
            words=f"predicted: {split.name}",
            fault="" if together == asked else f"its slices have {count(together)} instead of {count(asked)}",
        )


def _by_split(records: Mapping[str, int]) -> str:
    return ", ".join(f"{count(number)} {name}" for name, number in records.items())


def source_files(examples: Examples) -> tuple[SourceFile, ...]:
    """The files that the examples were read from, in order."""
    grouped: dict[tuple[str, str], list[Shard]] = {}
    for split in examples.splits:
        for shard in split.shards:
            grouped.setdefault((split.name, shard.source), []).append(shard)
    return tuple(
        SourceFile(
            split=split,
            file=source,
            files=count(_files(examples, shards)),
            records=count(sum(shard.records for shard in shards)),
            shards=count(len(shards)),
        )
        for (split, source), shards in grouped.items()
    )


def _files(examples: Examples, shards: Sequence[Shard]) -> int:
    """The files behind a source: one, or as many as records that are a file each."""
    alone = (shard for shard in shards if RecordPlaces(examples.path / shard.file, shard).source(0)[1] is None)
    return sum(shard.records for shard in alone) or 1
