"""What a person should know of the data although it stopped nothing."""

from __future__ import annotations

from collections.abc import Iterator

from slipline.components.artifacts import Examples, Statistics
from slipline.components.statistics.duplicates import read_duplicates
from slipline.pipeline.runners.local import RunReport


def data_words(report: RunReport) -> Iterator[str]:
    """A line each: files that were passed over, copies within a split, records of one split in another."""
    ingested, described = report.made("ingest"), report.made("compute_statistics")
    if ingested and isinstance(ingested.artifact, Examples) and (files := ingested.artifact.passed_over):
        yield f"passed over {len(files):,} files of no known kind, such as {files[0]}"
    if described and isinstance(described.artifact, Statistics):
        for copies in read_duplicates(described.artifact).copies:
            if copies.records:
                what = "copies of earlier ones" if copies.split == copies.of else f"also in {copies.of}"
                yield f"{copies.split}: {copies.records:,} records are {what}, see the report"
