"""What the report shows of the data themselves: a few images of each label, and how many records have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slipline.components.artifacts import Examples, Statistics
from slipline.components.features.schema_io import ExampleSpec
from slipline.components.statistics.statistics_io import split_statistics, value_counts
from slipline.pipeline.app import report_format
from slipline.pipeline.app.report_artifacts import made_of
from slipline.pipeline.app.report_figures import label_counts_figure
from slipline.pipeline.app.report_images import Picture, samples_by_label
from slipline.pipeline.runners.local import RunReport

MOST_CLASSES = 40
"""More are not drawn: nobody reads a picture of them."""


@dataclass(frozen=True, kw_only=True)
class LabelSamples:
    """A few images of one label."""

    name: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, kw_only=True)
class SplitLabels:
    """The label counts of one split, as an `<svg>` element."""

    split: str
    records: str
    figure: str


@dataclass(frozen=True, kw_only=True)
class Samples:
    """What went in, as it looks.

    Attributes:
      by_label: Of one split.
      split: Its name.
      labels: Of every split.
      left_out: Classes beyond those shown.
    """

    by_label: tuple[LabelSamples, ...]
    split: str
    labels: tuple[SplitLabels, ...]
    left_out: int


def samples_of(run: RunReport, preferred: str, examples: Examples, spec: ExampleSpec) -> Samples:
    """Samples of the split called `preferred`, or of the first if there is none of that name."""
    names = examples.class_names(spec.label.classes)
    splits = [split.name for split in examples.splits]
    split = preferred if preferred in splits else splits[0]
    found = samples_by_label(examples, split, spec)
    statistics = made_of(run, Statistics)
    return Samples(
        by_label=tuple(
            LabelSamples(name=names[label], pictures=pictures)
            for label, pictures in found.items()
            if label < MOST_CLASSES
        ),
        split=split,
        labels=() if statistics is None else _labels(statistics, spec, names),
        left_out=max(0, spec.label.classes - MOST_CLASSES),
    )


def _labels(statistics: Statistics, spec: ExampleSpec, names: Sequence[str]) -> tuple[SplitLabels, ...]:
    shown = names[:MOST_CLASSES]
    found = []
    for number, split in enumerate(split_statistics(statistics).values()):
        feature = next((feature for feature in split.features if feature.name == spec.label.name), None)
        counts = None if feature is None or not feature.HasField("num_stats") else value_counts(feature)
        if counts is not None:
            figure = label_counts_figure(f"labels{number}", shown, [counts.get(i, 0) for i in range(len(shown))])
            records = report_format.count(split.num_examples)
            found.append(SplitLabels(split=split.name, records=records, figure=figure))
    return tuple(found)
