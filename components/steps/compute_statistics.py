"""Says what the examples look like."""

from __future__ import annotations

from pathlib import Path

from slipline.components.artifacts import Examples, Statistics, copy_class_names
from slipline.components.beam.beam_options import BeamSettings
from slipline.pipeline.core.component import component, params


@params
class ComputeStatisticsParams:
    """What is described besides each split as a whole.

    Attributes:
      slice_by: Features by whose values the records of each split are divided, by each feature for itself; one that
        does not occur is passed over.
      max_slices: Different values of such a feature, at most; the records are not divided by one that has more.
    """

    slice_by: tuple[str, ...] = ("label",)
    max_slices: int = 100

    def __post_init__(self) -> None:
        """Refuses what cannot be carried out.

        Raises:
          ValueError: A setting is out of its range.
        """
        if self.max_slices < 1:
            raise ValueError(f"max_slices must be at least 1, got {self.max_slices}")
        if "" in self.slice_by or len(set(self.slice_by)) < len(self.slice_by):
            raise ValueError(f"slice_by must name different features, got {list(self.slice_by)}")


SLICED_BY_LABEL = ComputeStatisticsParams()


@component(loads=("apache_beam",))
def compute_statistics(
    examples: Examples, beam: BeamSettings, out: Path, params: ComputeStatisticsParams = SLICED_BY_LABEL
) -> Statistics:
    """Counts, moments, quantiles and histograms of every feature, for each split and each slice of it.

    A record that is no `tf.Example`, or an image that does not decode, is counted as such; `validate` finds it.

    Args:
      examples: What to describe.
      beam: Where Beam runs.
      out: Gets `statistics.binpb`, of which the head of `statistics_io.py` tells what stands in it, and
        `duplicates.json`, the records with the same content, within splits and between them.
      params: By what to slice the splits.

    Returns:
      The statistics.

    Raises:
      BadData: A shard was damaged or altered since it was written.
      BeamFailed: The runner lost or repeated work.
    """
    from slipline.components.statistics.duplicates import count_duplicates, write_duplicates
    from slipline.components.statistics.split_summaries import summarise_splits, summary_jobs
    from slipline.components.statistics.statistics_io import write_statistics

    jobs = summary_jobs(examples, params.slice_by, params.max_slices, out)
    summaries = summarise_splits(examples, jobs, beam, out)
    digests = {split.name: [job.digests for job in jobs if job.split == split.name] for split in examples.splits}
    duplicates = count_duplicates(digests, beam, out)
    statistics = Statistics(path=out, copies=duplicates.counts)
    write_duplicates(duplicates, statistics)
    write_statistics(summaries, statistics.proto_path)
    copy_class_names(examples.path, out)
    for job in jobs:
        job.digests.unlink()
    return statistics
