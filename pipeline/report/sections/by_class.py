"""The section of an artifact: its own, that of its class, or else its facts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from slipline.components.artifacts import (
    Anomalies,
    Baseline,
    Evaluation,
    Examples,
    InfraCheck,
    LiveModel,
    Release,
    Schema,
    ServableModel,
    Statistics,
    TrainedModel,
)
from slipline.pipeline.core.artifact import Artifact
from slipline.pipeline.report.kit.format import shortened
from slipline.pipeline.report.kit.page import section_html
from slipline.pipeline.report.kit.section import Facts, Section, Text
from slipline.pipeline.report.products import AnyProduct, Product
from slipline.pipeline.report.sections.anomalies import anomalies_section
from slipline.pipeline.report.sections.evaluation import evaluation_section
from slipline.pipeline.report.sections.examples import examples_section
from slipline.pipeline.report.sections.formats import formats_section
from slipline.pipeline.report.sections.statistics import statistics_section
from slipline.pipeline.report.sections.training import training_section

SectionOf: TypeAlias = Callable[[Any, Sequence[AnyProduct]], "Section | None"]
"""Takes a product of its class, and all of the same run."""

LONGEST_FACT = 300


SECTIONS: dict[type[Artifact], SectionOf] = {
    Examples: examples_section,
    Statistics: statistics_section,
    Anomalies: anomalies_section,
    TrainedModel: training_section,
    ServableModel: formats_section,
    Evaluation: evaluation_section,
    # Of these, the table of steps says it all.
    **dict.fromkeys((Baseline, Schema, LiveModel, InfraCheck, Release), lambda product, among: None),
}


def sections_of(products: Sequence[AnyProduct]) -> list[Section]:
    """Those of all products, in their order; where several have the same title, it names the step."""
    found = [(product.step, section) for product in products if (section := section_of(product, products)) is not None]
    titles = [section.title for _, section in found if section.parts]
    return [
        dataclasses.replace(section, title=f"{section.title}: {step}") if titles.count(section.title) > 1 else section
        for step, section in found
    ]


def section_of(product: AnyProduct, among: Sequence[AnyProduct] = ()) -> Section | None:
    """What is to be shown of a product; None if there is nothing.

    Args:
      product: The artifact, with what it was made of as far as that is known.
      among: All of the same run.
    """
    name = type(product.artifact).__name__
    try:
        if hasattr(product.artifact, "report_section"):
            return _checked(product.artifact.report_section())
        kinds = (kind for kind in type(product.artifact).__mro__ if kind in SECTIONS)
        return next((SECTIONS[kind](product, among) for kind in kinds), facts_of(product.artifact))
    except (
        Exception,
        SystemExit,
    ) as error:  # of somebody's own section, or as files are not what they are with our components
        return Section(name, (Text(f"{type(error).__name__}: {error}", "bad", f"{name} cannot be shown."),))


def _checked(section: object) -> Section:
    """What an artifact of somebody's own brings, if it can be shown."""
    if not isinstance(section, Section):
        raise TypeError(f"wanted a Section of its report_section(), got {type(section).__name__}")
    section_html(section)
    return section


def facts_of(artifact: Artifact) -> Section | None:
    """The fields of an artifact of a class that nobody knows; None if it has none."""
    facts = [
        (field.name, shortened(_in_text(getattr(artifact, field.name)), LONGEST_FACT))
        for field in dataclasses.fields(artifact)
        if field.name != "path"
    ]
    return Section(type(artifact).__name__, (Facts(facts),)) if facts else None


def _in_text(fact: object) -> str:
    return "; ".join(map(str, fact)) if isinstance(fact, tuple | list) else str(fact)


def artifact_html(artifact: Artifact) -> str:
    """What the report shows of an artifact, as a fragment of HTML that needs nothing beside it."""
    section = section_of(Product(artifact=artifact)) or facts_of(artifact)
    return section_html(section or Section(type(artifact).__name__, (Text(artifact.words() or str(artifact.path)),)))
