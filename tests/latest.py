"""What a home made last, of a class."""

from __future__ import annotations

from typing import TypeVar

from sqlalchemy import select

from slipline.pipeline.core.artifact import Artifact
from slipline.pipeline.store.store import Store, artifact_from_json
from slipline.pipeline.store.tables import ExecutionRow

A = TypeVar("A", bound=Artifact)


def latest(store: Store, kind: type[A]) -> A | None:
    """The artifact of class `kind` that was made last; None if there is none."""
    query = select(ExecutionRow).filter_by(artifact_type=kind.__name__).order_by(ExecutionRow.ended_at.desc()).limit(1)
    with store.session() as session:
        row = session.scalars(query).first()
        return None if row is None else artifact_from_json(kind, row.facts, store.home / row.folder)
