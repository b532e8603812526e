"""Says what the examples look like."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from components.beam_options import BeamSettings, Problem, run_jobs
from components.errors import BadData
from components.feature_statistics import SplitSummary, merge_all
from components.statistics_io import write_statistics
from components.tfrecord import batched, read_records
from pipeline.artifacts import Examples, Statistics
from pipeline.component import component


@dataclass(frozen=True, kw_only=True)
class Job:
    """One shard to be summarised."""

    split: str
    file: Path


@component(loads=("apache_beam",))
def compute_statistics(examples: Examples, beam: BeamSettings, out: Path) -> Statistics:
    """Counts, moments and histograms of every feature, for each split.

    A record that is no `tf.Example`, or an image that does not decode, is counted as such; `validate` finds it.

    Args:
      examples: What to describe.
      beam: Where Beam runs.
      out: Gets `statistics.binpb`; what stands in it is told at the head of `statistics_io.py`.

    Returns:
      The statistics.

    Raises:
      BadData: A shard was damaged since it was written.
    """
    jobs = [Job(split=split.name, file=file) for split in examples.splits for file in examples.files(split.name)]
    found: dict[str, SplitSummary] = dict(run_jobs(beam, jobs, _summarise_all, out))
    summaries = {split.name: found.get(split.name, SplitSummary()) for split in examples.splits}
    for split in examples.splits:
        if summaries[split.name].records != split.records:
            raise BadData(
                f"{split.name}: wanted statistics of {split.records:,} records, Beam returned them of "
                f"{summaries[split.name].records:,}; its runner lost work, or {examples.path} was altered"
            )
    statistics = Statistics(path=out)
    write_statistics(summaries, statistics.proto_path)
    return statistics


def _summarise_all(jobs: object) -> object:
    import apache_beam as beam

    shards = jobs | beam.Map(summarise).with_output_types(object)
    merged = (
        shards
        | beam.Filter(lambda shard: not isinstance(shard, Problem)).with_output_types(tuple[str, object])
        | beam.CombinePerKey(merge_all)
    )
    problems = shards | "Problems" >> beam.Filter(lambda shard: isinstance(shard, Problem))
    return (merged, problems) | beam.Flatten()


def summarise(job: Job) -> tuple[str, SplitSummary] | Problem:
    """The split of a shard, and the summary of its records."""
    try:
        return job.split, merge_all(map(SplitSummary.of, batched(read_records(job.file))))
    except BadData as error:
        return Problem(str(error))
