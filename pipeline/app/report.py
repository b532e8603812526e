"""The run report: one HTML file that holds all a person wants to see of a run, and needs nothing beside it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.errors import BadData
from components.schema_io import ExampleSpec, example_spec
from components.statistics_io import read_statistics, value_counts
from pipeline.app import report_format
from pipeline.app.config import TrainingSettings
from pipeline.app.report_facts import (
    Comparison,
    Epoch,
    KeyNumber,
    Problem,
    StepLine,
    comparison_of,
    headline,
    history_of,
    key_numbers,
    made_of,
    not_run,
    problems_of,
    release_words,
    step_lines,
    verdict_of,
)
from pipeline.app.report_figures import accuracy_figure, label_counts_figure, loss_figure
from pipeline.app.report_images import Picture, class_names, file_name, samples_by_label
from pipeline.app.report_origin import (
    Origin,
    Setting,
    SourceFile,
    given_to,
    origins_of,
    settings_in_force,
    source_files,
)
from pipeline.app.report_predictions import (
    LabelMetrics,
    Mistake,
    Predictions,
    Row,
    confusion,
    metrics_by_label,
    mistakes_in,
    worst_mistakes,
)
from pipeline.artifacts import Anomalies, Evaluation, Examples, Schema, Statistics, TrainedModel
from pipeline.runners.local import RunReport
from pipeline.store.lineage import Taken
from pipeline.store.store import Store
from pipeline.store.tables import RunRow

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
class Data:
    """What went in, as far as the run came.

    Attributes:
      samples: Of the training split.
      sample_split: Its name.
      labels: Of every split.
      left_out: Classes beyond those shown.
      anomalies: The verdict; None if the data were not checked.
    """

    samples: tuple[LabelSamples, ...]
    sample_split: str
    labels: tuple[SplitLabels, ...]
    left_out: int
    anomalies: Anomalies | None


@dataclass(frozen=True, kw_only=True)
class Training:
    """The history of the training, and its two curves as `<svg>` elements; empty for a single epoch."""

    epochs: tuple[Epoch, ...]
    loss: str
    accuracy: str


@dataclass(frozen=True, kw_only=True)
class Quality:
    """How good the model is.

    Attributes:
      split: Where that was measured.
      evaluation: The verdict.
      names: Of the classes.
      confusion: Empty if there are too many classes.
      by_label: The metrics of each label.
      comparison: Empty if no model was live.
      mistakes: The worst of them.
      wrong: How many answers were wrong.
    """

    split: str
    evaluation: Evaluation
    names: tuple[str, ...]
    confusion: tuple[Row, ...]
    by_label: tuple[LabelMetrics, ...]
    comparison: tuple[Comparison, ...]
    mistakes: tuple[Mistake, ...]
    wrong: int


@dataclass(frozen=True, kw_only=True)
class Page:
    """Everything on the page, in its order."""

    name: str
    run_id: str
    started: str
    took: str
    verdict: str
    headline: str
    release: str
    problems: tuple[Problem, ...]
    not_run: tuple[str, ...]
    log: str
    numbers: tuple[KeyNumber, ...]
    steps: tuple[StepLine, ...]
    data: Data | None
    training: Training | None
    quality: Quality | None
    origins: tuple[Origin, ...]
    given: tuple[Taken, ...]
    files: tuple[SourceFile, ...]
    settings: tuple[Setting, ...]


def write_report(run: RunReport, settings: TrainingSettings, store: Store, target: Path) -> None:
    """Writes the report of a run, whether it passed, was blocked or failed; it then shows as far as the run came.

    Args:
      run: How the run went.
      settings: In force in it.
      store: Holds what it made, and where that came from.
      target: The HTML file; there only once it is whole.
    """
    html = render(gather(run, settings, store))
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    aside.write_text(html, "utf-8")
    aside.replace(target)


def gather(run: RunReport, settings: TrainingSettings, store: Store) -> Page:
    """Everything that the page shows."""
    examples = made_of(run, Examples)
    spec = _spec(settings)
    origins = origins_of(run, store)
    return Page(
        name=settings.name,
        run_id=run.run_id,
        started=_started(run, store),
        took=report_format.seconds(run.seconds),
        verdict=verdict_of(run),
        headline=headline(run),
        release=release_words(run, store),
        problems=problems_of(run),
        not_run=not_run(run),
        log=str(run.log_path) if run.log_path.is_file() else "",
        numbers=key_numbers(run, settings),
        steps=step_lines(run),
        data=None if examples is None or spec is None else _data(run, settings, examples, spec),
        training=_training(run),
        quality=None if examples is None or spec is None else _quality(run, settings, examples, spec),
        origins=origins,
        given=given_to(origins),
        files=() if examples is None else source_files(examples),
        settings=settings_in_force(settings),
    )


def render(page: Page) -> str:
    """The page as HTML."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("pipeline.app"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=report_format.count,
        moment=report_format.moment,
        nats=report_format.nats,
        percent=report_format.percent,
        seconds=report_format.seconds,
        short=report_format.short,
        file_name=file_name,
    )
    return environment.get_template("report.html.j2").render(page=page)


def _spec(settings: TrainingSettings) -> ExampleSpec | None:
    """What the schema says of image and label; None if it cannot be read, which the step that wanted it has told."""
    try:
        return example_spec(Schema(path=settings.schema_path))
    except BadData:
        return None


def _started(run: RunReport, store: Store) -> str:
    with store.session() as session:
        return report_format.moment(session.get_one(RunRow, run.run_id).started_at)


def _data(run: RunReport, settings: TrainingSettings, examples: Examples, spec: ExampleSpec) -> Data:
    names = class_names(examples, spec)
    splits = [split.name for split in examples.splits]
    sample_split = settings.train.split if settings.train.split in splits else splits[0]
    samples = samples_by_label(examples, sample_split, spec)
    statistics = made_of(run, Statistics)
    return Data(
        samples=tuple(
            LabelSamples(name=names[label], pictures=pictures)
            for label, pictures in samples.items()
            if label < MOST_CLASSES
        ),
        sample_split=sample_split,
        labels=() if statistics is None else _labels(statistics, spec, names),
        left_out=max(0, spec.label.classes - MOST_CLASSES),
        anomalies=made_of(run, Anomalies),
    )


def _labels(statistics: Statistics, spec: ExampleSpec, names: Sequence[str]) -> tuple[SplitLabels, ...]:
    shown = names[:MOST_CLASSES]
    found = []
    for number, split in enumerate(read_statistics(statistics).datasets):
        counts = next((value_counts(feature) for feature in split.features if feature.name == spec.label.name), None)
        if counts is not None:
            figure = label_counts_figure(f"labels{number}", shown, [counts.get(i, 0) for i in range(len(shown))])
            records = report_format.count(split.num_examples)
            found.append(SplitLabels(split=split.name, records=records, figure=figure))
    return tuple(found)


def _training(run: RunReport) -> Training | None:
    trained = made_of(run, TrainedModel)
    if trained is None:
        return None
    epochs = history_of(trained)
    if len(epochs) == 1:
        return Training(epochs=epochs, loss="", accuracy="")
    return Training(
        epochs=epochs,
        loss=loss_figure("loss", [epoch.loss for epoch in epochs]),
        accuracy=accuracy_figure("accuracy", [epoch.accuracy for epoch in epochs]),
    )


def _quality(run: RunReport, settings: TrainingSettings, examples: Examples, spec: ExampleSpec) -> Quality | None:
    evaluation = made_of(run, Evaluation)
    if evaluation is None:
        return None
    names = class_names(examples, spec)
    predictions = Predictions.load(evaluation)
    return Quality(
        split=settings.evaluate.split,
        evaluation=evaluation,
        names=names,
        confusion=confusion(predictions, names) if len(names) <= MOST_CLASSES else (),
        by_label=metrics_by_label(evaluation, names),
        comparison=comparison_of(evaluation),
        mistakes=worst_mistakes(predictions, examples, settings.evaluate.split, spec, names),
        wrong=mistakes_in(predictions),
    )
