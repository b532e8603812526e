"""The run report: one HTML file that holds all a person wants to see of a run, and needs nothing beside it."""

from __future__ import annotations

from pathlib import Path

from slipline.pipeline.report import overview
from slipline.pipeline.report.kit.format import moment, seconds
from slipline.pipeline.report.kit.page import Page, page_html
from slipline.pipeline.report.origin import origin_section
from slipline.pipeline.report.products import products_of
from slipline.pipeline.report.records import records_section
from slipline.pipeline.report.sections.by_class import sections_of
from slipline.pipeline.runners.run_report import RunReport
from slipline.pipeline.store.store import Store
from slipline.pipeline.store.tables import RunRow
from slipline.serving.folders.whole_file import write_whole


def write_report(run: RunReport, store: Store, target: Path, *, standing: str = "") -> None:
    """Writes the report of a run, whether it passed, was blocked or failed; it then shows as far as the run came.

    Args:
      run: How the run went.
      store: Holds what it made, and where that came from.
      target: The HTML file; there only once it is whole.
      standing: What became of its release, for people; empty if there is nothing to say.
    """
    write_whole(target, page_html(gather(run, store, standing)))


def gather(run: RunReport, store: Store, standing: str = "") -> Page:
    """Everything that the page shows."""
    with store.session() as session:
        row = session.get_one(RunRow, run.run_id)
        name, started = row.pipeline, row.started_at
    products, verdict = products_of(run, store), overview.verdict_of(run)
    sections = sections_of(products)
    records = records_section(products)
    return Page(
        title=f"{name}: run {run.run_id} {verdict}",
        heading=name,
        below=f"Run {run.run_id}, started {moment(started)}, took {seconds(run.seconds)}",
        verdict=verdict,
        headline=overview.headline(run),
        standing=standing,
        problems=overview.problems_of(run),
        remarks=overview.remarks_of(run),
        numbers=[number for section in reversed(sections) for number in section.numbers],
        sections=[
            overview.steps_section(run),
            *([] if records is None else [records]),
            *(section for section in sections if section.parts),
            *([origin_section(products)] if products else []),
        ],
    )
