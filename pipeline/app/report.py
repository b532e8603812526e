"""The run report: one HTML file that holds all a person wants to see of a run, and needs nothing beside it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from slipline.components.artifacts import Examples, Schema
from slipline.components.errors import BadData
from slipline.components.features.schema_io import ExampleSpec, example_spec
from slipline.pipeline.app import report_format
from slipline.pipeline.app.report_artifacts import learnt_from, made_of
from slipline.pipeline.app.report_checks import Checks, checks_of
from slipline.pipeline.app.report_exports import Exports, exports_of
from slipline.pipeline.app.report_facts import (
    KeyNumber,
    Problem,
    StepLine,
    headline,
    key_numbers,
    not_run,
    problems_of,
    release_words,
    step_lines,
    verdict_of,
)
from slipline.pipeline.app.report_images import file_name, place_name
from slipline.pipeline.app.report_origin import Origin, Setting, given_to, origins_of, settings_in_force
from slipline.pipeline.app.report_quality import Quality, quality_of
from slipline.pipeline.app.report_records import Records, records_of
from slipline.pipeline.app.report_samples import Samples, samples_of
from slipline.pipeline.app.report_statistics import FeatureTables, statistics_of
from slipline.pipeline.app.report_training import Training, training_of
from slipline.pipeline.app.settings.training_settings import TrainingSettings
from slipline.pipeline.runners.local import RunReport
from slipline.pipeline.store.lineage import Taken
from slipline.pipeline.store.store import Store
from slipline.pipeline.store.tables import RunRow


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
    samples: Samples | None
    records: Records | None
    checks: Checks | None
    statistics: FeatureTables | None
    training: Training | None
    quality: Quality | None
    exports: Exports | None
    origins: tuple[Origin, ...]
    given: tuple[Taken, ...]
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
    examples, rest = made_of(run, Examples), learnt_from(run)
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
        samples=None if examples is None or spec is None else samples_of(run, settings.train.split, examples, spec),
        records=records_of(run, settings),
        checks=checks_of(run, settings),
        statistics=statistics_of(run),
        training=training_of(run),
        quality=None if rest is None or spec is None else quality_of(run, settings, rest, spec),
        exports=exports_of(run, settings),
        origins=origins,
        given=given_to(origins),
        settings=settings_in_force(settings),
    )


def render(page: Page) -> str:
    """The page as HTML."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("slipline.pipeline.app"),
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
        plural=report_format.plural,
        seconds=report_format.seconds,
        short=report_format.short,
        file_name=file_name,
        place_name=place_name,
    )
    return environment.get_template("report.html.j2").render(page=page)


def _spec(settings: TrainingSettings) -> ExampleSpec | None:
    """What the schema says of image and label; None if it cannot be read, or does not tell of both."""
    try:
        return example_spec(Schema(path=settings.schema_path))
    except BadData:
        return None


def _started(run: RunReport, store: Store) -> str:
    with store.session() as session:
        return report_format.moment(session.get_one(RunRow, run.run_id).started_at)
