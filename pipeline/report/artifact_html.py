"""An artifact shown by itself, as in a notebook."""

from __future__ import annotations

from slipline.pipeline.core.artifact import Artifact
from slipline.pipeline.report.kit.page import section_html
from slipline.pipeline.report.kit.section import Section, Text
from slipline.pipeline.report.products import Product
from slipline.pipeline.report.sections.by_class import facts_of, section_of


def artifact_html(artifact: Artifact) -> str:
    """What the report shows of an artifact, as a fragment of HTML that needs nothing beside it."""
    section = section_of(Product(artifact=artifact)) or facts_of(artifact)
    return section_html(section or Section(type(artifact).__name__, (Text(artifact.words() or str(artifact.path)),)))
