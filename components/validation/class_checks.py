"""Holds the names of the classes against those that the schema states, or that the run before had.

A class folder that is added or renamed moves the numbers of the others, which every check of numbers may pass.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from tensorflow_metadata.proto.v0 import schema_pb2

from slipline.components.artifacts import Baseline, Statistics
from slipline.components.features.schema_io import CLASS_NAMES, class_names
from slipline.components.validation.findings import Finding, Kind


def check_classes(
    statistics: Statistics, baseline: Baseline, described: schema_pb2.Schema, schema: str
) -> Iterator[Finding]:
    """A finding if the classes are not the ones they were, or not in their order.

    Args:
      statistics: Of the examples at hand.
      baseline: Of the run before; not asked where the schema states the names.
      described: The schema.
      schema: Its file, for people.
    """
    found = statistics.class_names
    if found is None:
        return
    wanted, source = baseline.class_names, str(baseline.origin)
    for feature in described.feature:
        if (stated := class_names(feature)) is not None:
            wanted, source = stated, schema
    if wanted is not None and wanted != found:
        yield Finding(
            split="classes",
            feature="",
            kind=Kind.OTHER_CLASSES,
            text=f"wanted {_listed(wanted)} as in {source}, got {_difference(wanted, found)}",
            remedy=(
                f"rename the folders, or state the label's annotation {{ tag: '{CLASS_NAMES}{json.dumps(found)}' }} "
                f"in {schema} if it is meant"
            ),
        )


def _difference(wanted: Sequence[str], found: Sequence[str]) -> str:
    new, gone = [name for name in found if name not in wanted], [name for name in wanted if name not in found]
    parts = [f"new {_listed(new)}" if new else "", f"without {_listed(gone)}" if gone else ""]
    return ", ".join(filter(None, parts)) or f"another order: {_listed(found)}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
