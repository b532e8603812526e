"""What the report says about the formats that the model was kept in."""

from __future__ import annotations

from dataclasses import dataclass

from slipline.components.artifacts import ExportedFile, ServableModel
from slipline.pipeline.app.report_artifacts import made_by
from slipline.pipeline.app.report_format import NARROW_SPACE, count, percent, significant
from slipline.pipeline.app.settings.training_settings import TrainingSettings
from slipline.pipeline.runners.local import RunReport

MISSING = "\N{EN DASH}"


@dataclass(frozen=True, kw_only=True)
class ExportLine:
    """One format, in words; `withheld` says why it was not released, and is empty if it was."""

    format: str
    file: str
    size: str
    agreement: str
    difference: str
    latency: str
    withheld: str


@dataclass(frozen=True, kw_only=True)
class Exports:
    """The formats, the SavedModel first, and the split whose images each was asked about."""

    split: str
    lines: tuple[ExportLine, ...]


def exports_of(run: RunReport, settings: TrainingSettings) -> Exports | None:
    """The formats that the run made; None if it came to none."""
    model = made_by(run, "convert", ServableModel)
    if model is None or not model.exports:
        return None
    return Exports(split=settings.convert.split, lines=tuple(_line(made) for made in model.exports))


def _line(made: ExportedFile) -> ExportLine:
    return ExportLine(
        format=made.format,
        file=MISSING if made.withheld else made.file,
        size=MISSING if made.size_bytes is None else kilobytes(made.size_bytes),
        agreement=MISSING if made.agreement is None else percent(made.agreement),
        difference=MISSING if made.largest_difference is None else significant(made.largest_difference, 2),
        latency=MISSING if made.latency_ms is None else f"{significant(made.latency_ms, 2)}{NARROW_SPACE}ms",
        withheld=made.withheld,
    )


def kilobytes(size_bytes: int) -> str:
    """A file's size, such as `380 kB`."""
    return f"{count(max(1, round(size_bytes / 1000)))}{NARROW_SPACE}kB"
