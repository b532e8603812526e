"""Holds the number of copies among the records against the limits."""

from __future__ import annotations

from collections.abc import Iterator

from slipline.components.artifacts import Examples, Statistics
from slipline.components.examples.record_places import RecordPlaces
from slipline.components.statistics.duplicates import Copies, Place, read_duplicates
from slipline.components.validation.findings import Finding, Kind
from slipline.components.validation.validate_settings import ValidateParams

NAMED_COPIES = 3


def check_duplicates(examples: Examples, statistics: Statistics, params: ValidateParams) -> Iterator[Finding]:
    """A finding for each split with too many copies within it, or of records of a split before it.

    Raises:
      BadData: The statistics do not say how many there are.
    """
    for copies in read_duplicates(statistics).copies:
        within = copies.split == copies.of
        limit = params.max_duplicates if within else params.max_leaks
        records = examples.split(copies.split).records
        if copies.records > limit * records:
            yield Finding(
                split=copies.split,
                feature="",
                kind=Kind.DUPLICATES if within else Kind.LEAK,
                text=_text(copies, limit, records, examples),
                remedy=f"remove the copies, or raise validate.{'max_duplicates' if within else 'max_leaks'}",
            )


def _text(copies: Copies, limit: float, records: int, examples: Examples) -> str:
    also = "repeat an earlier one" if copies.split == copies.of else f"be in {copies.of} too"
    first = ", ".join(
        f"{place_of(examples, copies.split, copy.record)} (as {place_of(examples, copies.of, copy.of)})"
        for copy in copies.first[:NAMED_COPIES]
    )
    return f"wanted at most {limit:.2%} of the records to {also}, got {copies.records:,} of {records:,}, first {first}"


def place_of(examples: Examples, split: str, place: Place) -> str:
    """Where a record came from, as its owner knows it."""
    shard = examples.split(split).shards[place.shard]
    return RecordPlaces(examples.path / shard.file, shard).place(place.record)
