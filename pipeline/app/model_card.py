"""The model card: what a model is, what it was made of, how good it is and what it is not for, on a page or two.

After Mitchell et al., Model Cards for Model Reporting (2019). It is Markdown, and the same as HTML.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from slipline.components.artifacts import Evaluation, Examples, Release, Schema, ServableModel, TrainedModel
from slipline.components.errors import BadData
from slipline.components.evaluation.results import Results, read_results
from slipline.components.features.schema_io import ExampleSpec, example_spec
from slipline.pipeline.app import report_format
from slipline.pipeline.app.model_limits import LimitLine, limit_lines, not_for
from slipline.pipeline.app.report_artifacts import learnt_from, made_of
from slipline.pipeline.app.report_facts import headline
from slipline.pipeline.app.report_measured import (
    Comparison,
    Measure,
    SliceLine,
    comparison_of,
    measure,
    measures_of,
    slice_line,
)
from slipline.pipeline.app.report_records import SourceFile, source_files
from slipline.pipeline.app.settings.training_settings import TrainingSettings
from slipline.pipeline.runners.local import RunReport
from slipline.pipeline.store.lineage import Made, trace
from slipline.pipeline.store.store import Store

SHOWN_CLASSES = 40


@dataclass(frozen=True, kw_only=True)
class Digest:
    """What something is told from others by; `kind` is the artifact's class."""

    what: str
    kind: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class Card:
    """Everything on the card, in its order; texts are plain, the template makes Markdown of them."""

    title: str
    headline: str
    run_id: str
    written: str
    report: str
    spec: ExampleSpec
    names: tuple[str, ...]
    servable: ServableModel
    formats: tuple[str, ...]
    trained: TrainedModel
    settings: TrainingSettings
    frameworks: tuple[str, ...]
    examples: Examples
    sources: tuple[SourceFile, ...]
    split: str
    confidence: str
    overall: tuple[Measure, ...]
    by_label: tuple[SliceLine, ...]
    by_feature: tuple[SliceLine, ...]
    live_version: int | None
    comparison: tuple[Comparison, ...]
    robustness: tuple[SliceLine, ...]
    not_for: tuple[str, ...]
    limits: tuple[LimitLine, ...]
    digests: tuple[Digest, ...]


def write_card(run: RunReport, settings: TrainingSettings, store: Store, report: Path, target: Path) -> bool:
    """Writes the card of the run's model as Markdown and as HTML.

    Args:
      run: How the run went.
      settings: In force in it.
      store: Holds where things came from.
      report: The run's report, which the card names.
      target: The HTML file; the Markdown gets the same name with `.md`. Each is there only once it is whole.

    Returns:
      Whether there was a model to write of: one that was measured.
    """
    card = gather(run, settings, store, report)
    if card is None:
        return False
    text = render(card)
    _write(target.with_suffix(".md"), text)
    _write(target, to_html(text, card.title))
    return True


def gather(run: RunReport, settings: TrainingSettings, store: Store, report: Path) -> Card | None:
    """Everything on the card; None if the run measured no model."""
    evaluation, trained, servable = made_of(run, Evaluation), made_of(run, TrainedModel), _servable(run)
    results = None if evaluation is None else read_results(evaluation.path)
    examples, spec = learnt_from(run), _spec(settings)
    if evaluation is None or results is None or trained is None or servable is None or examples is None or spec is None:
        return None
    names, release = examples.class_names(spec.label.classes), made_of(run, Release)
    return Card(
        title=f"{settings.name} version {release.version}" if release else f"{settings.name}, not released",
        headline=headline(run),
        run_id=run.run_id,
        written=f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
        report=report.name,
        spec=spec,
        names=names[:SHOWN_CLASSES],
        servable=servable,
        formats=tuple(each.format for each in servable.exports[1:] if not each.withheld),
        trained=trained,
        settings=settings,
        frameworks=_frameworks(run, store),
        examples=examples,
        sources=source_files(examples)[:SHOWN_CLASSES],
        split=settings.evaluate.split,
        confidence=f"{results.confidence * 100:g} %",
        overall=measures_of(results.overall),
        by_label=_label_lines(results, names),
        by_feature=tuple(map(slice_line, results.by_feature)),
        live_version=evaluation.live_version,
        comparison=comparison_of(results.overall),
        robustness=_robustness(results),
        not_for=not_for(results, names),
        limits=limit_lines(results, settings.evaluate),
        digests=_digests(run, release, store),
    )


def _servable(run: RunReport) -> ServableModel | None:
    """What is released: the last one made."""
    made = [outcome.made.artifact for outcome in run.outcomes if outcome.made is not None]
    return next((artifact for artifact in reversed(made) if isinstance(artifact, ServableModel)), None)


def _spec(settings: TrainingSettings) -> ExampleSpec | None:
    try:
        return example_spec(Schema(path=settings.schema_path))
    except BadData:
        return None


def _label_lines(results: Results, names: tuple[str, ...]) -> tuple[SliceLine, ...]:
    of_class = {each.number: each for each in results.overall.classes}
    lines = []
    for found in results.by_label[:SHOWN_CLASSES]:
        number = int(found.name.removeprefix("label "))
        line = slice_line(found)
        lines.append(
            SliceLine(
                name=names[number],
                records=line.records,
                measures=(
                    *(measure(name.capitalize(), getattr(of_class[number], name)) for name in ("precision", "recall")),
                    measure("F1", of_class[number].f1),
                    measure("AUC", of_class[number].auc, lambda value: f"{value:.5f}"),
                    line.measures[1],
                ),
            )
        )
    return tuple(lines)


def _robustness(results: Results) -> tuple[SliceLine, ...]:
    untouched = () if results.untouched is None else (results.untouched,)
    return tuple(slice_line(found) for found in (*untouched, *results.robustness))


def _lineage(run: RunReport, store: Store) -> tuple[Made, ...]:
    """Every execution behind the last thing that was made."""
    last = next((outcome.made for outcome in reversed(run.outcomes) if outcome.made is not None), None)
    return () if last is None else trace(store, last.execution_id).executions


def _frameworks(run: RunReport, store: Store) -> tuple[str, ...]:
    made = _lineage(run, store)
    return tuple(sorted({name for each in made if each.step == "train" for name in each.frameworks}))


def _digests(run: RunReport, release: Release | None, store: Store) -> tuple[Digest, ...]:
    made = _lineage(run, store)
    given = {
        taken.digest: Digest(what=taken.name, kind=taken.artifact_type, digest=taken.digest)
        for each in made
        for taken in each.taken
        if taken.execution_id is None
    }
    found = [*given.values(), *(Digest(what=each.step, kind=each.artifact_type, digest=each.digest) for each in made)]
    if release is not None:
        found.append(Digest(what="manifest of the release", kind="sha256", digest=release.digest))
    return tuple(found)


def render(card: Card) -> str:
    """The card as Markdown."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True,  # so that what a macro made is known for Markdown
        loader=PackageLoader("slipline.pipeline.app"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: value if isinstance(value, Markup) else Markup(plain(str(value))),
    )
    environment.filters.update(
        count=report_format.count,
        nats=report_format.nats,
        percent=report_format.percent,
        plural=report_format.plural,
    )
    return environment.get_template("model_card.md.j2").render(card=card)


def plain(text: str) -> str:
    """Text that Markdown shows as it is, within a line or a cell of a table."""
    text = (
        re.sub(r"[ \t\r\n]+", " ", text)
        .replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("|", "&#124;")
    )
    return re.sub(r"([\\`*_\[\]])", r"\\\1", text)


def to_html(text: str, title: str) -> str:
    """The Markdown as a page of its own, in the looks of the run report."""
    from html import escape
    from importlib.resources import files

    from markdown import markdown  # type: ignore[import-untyped]

    style = (files("slipline.pipeline.app") / "templates" / "report.css").read_text("utf-8")
    body = markdown(text, extensions=["tables"], output_format="html")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(title)}: model card</title>\n<link rel="icon" href="data:,">\n'
        f"<style>\n{style}h2 {{ margin-top: 2.5rem; }} main {{ padding-top: 2.5rem; }}\n</style>\n"
        f"</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _write(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    aside.write_text(text, "utf-8")
    aside.replace(target)
