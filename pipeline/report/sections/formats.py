"""What the report shows of a model that can be served: the formats that it was kept in."""

from __future__ import annotations

from collections.abc import Sequence

from slipline.components.artifacts import ExportedFile, ServableModel
from slipline.pipeline.report.kit.format import NARROW_SPACE, count, percent, significant
from slipline.pipeline.report.kit.section import Cell, Part, Reasons, Row, Section, Table, number
from slipline.pipeline.report.products import AnyProduct, Product

MISSING = "\N{EN DASH}"


def formats_section(product: Product[ServableModel], among: Sequence[AnyProduct]) -> Section | None:
    """The formats; None if no other than the SavedModel was asked for."""
    model = product.artifact
    if not model.exports:
        return None
    columns = (
        *("Format", "File in the release", number("Size"), number("Same class")),
        *(number("Largest difference"), number("One image")),
    )
    caption = (
        f"Each file was read back and asked about every image of {product.setting('split') or 'a split'} beside the "
        "SavedModel. Time: median for one image, on the machine of the run."
    )
    parts: list[Part] = [Table(columns, [_row(made) for made in model.exports], caption, "compact")]
    if withheld := model.notes():
        parts.append(Reasons(withheld))
    return Section("Formats", parts)


def _row(made: ExportedFile) -> Row:
    return (
        made.format,
        Cell("withheld", "bad") if made.withheld else made.file,
        MISSING if made.size_bytes is None else kilobytes(made.size_bytes),
        MISSING if made.agreement is None else percent(made.agreement),
        MISSING if made.largest_difference is None else significant(made.largest_difference, 2),
        MISSING if made.latency_ms is None else f"{significant(made.latency_ms, 2)}{NARROW_SPACE}ms",
    )


def kilobytes(size_bytes: int) -> str:
    """A file's size, such as `380 kB`."""
    return f"{count(max(1, round(size_bytes / 1000)))}{NARROW_SPACE}kB"
