"""What an artifact comes to, in a few words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from slipline.components import artifacts
from slipline.components.artifacts import (
    Anomalies,
    Baseline,
    Evaluation,
    Examples,
    ExportedFile,
    InfraCheck,
    LiveModel,
    Release,
    ServableModel,
    TrainedModel,
)
from slipline.pipeline.app.report_format import count, percent, plural
from slipline.pipeline.core.artifact import Artifact, Verdict
from slipline.pipeline.store.lineage import Made
from slipline.pipeline.store.store import artifact_from_json


def artifact_words(artifact: Artifact) -> str:
    """What matters of an artifact, such as `70,000 records, 3 set aside`; empty if its class says it all."""
    if isinstance(artifact, Examples):
        return plural(artifact.records, "record") + _aside(artifact.set_aside)
    if isinstance(artifact, Anomalies):
        return _anomalies(artifact)
    if isinstance(artifact, Baseline):
        return artifact.origin or "no earlier run"
    if isinstance(artifact, TrainedModel):
        return f"{plural(artifact.records, 'record')}, training accuracy {percent(artifact.accuracy)}"
    if isinstance(artifact, ServableModel):
        return plural(len(artifact.signatures), "signature") + _formats(artifact.exports)
    if isinstance(artifact, LiveModel):
        return "nothing was live" if artifact.version is None else f"version {artifact.version} was live"
    if isinstance(artifact, Evaluation):
        return f"{_passed(artifact)}, accuracy {percent(artifact.overall.accuracy)}"
    if isinstance(artifact, InfraCheck):
        return f"{_passed(artifact)}, {plural(artifact.requests, 'request')} answered"
    if isinstance(artifact, Release):
        return f"version {artifact.version}"
    return ""


def words_of(made: Made) -> str:
    """The same of an execution on record; empty if it made something that this version does not know."""
    kind = getattr(artifacts, made.artifact_type, None)
    if kind is None:
        return ""
    try:
        return artifact_words(artifact_from_json(kind, made.facts, Path(made.folder)))
    except ValidationError:  # on record since an earlier version
        return ""


def _anomalies(anomalies: Anomalies) -> str:
    if not anomalies.passed:
        return f"{_passed(anomalies)}, {plural(len(anomalies.reasons), 'reason')}"
    return f"passed, {count(anomalies.records)} records checked{_aside(anomalies.set_aside)}"


def _aside(records: int) -> str:
    return f", {count(records)} set aside" if records else ""


def _formats(exports: Sequence[ExportedFile]) -> str:
    if not exports:
        return ""
    withheld = sum(bool(made.withheld) for made in exports)
    return f", {plural(len(exports) - withheld, 'format')}" + (f", {withheld} withheld" if withheld else "")


def _passed(verdict: Verdict) -> str:
    return "passed" if verdict.passed else "did not pass"
