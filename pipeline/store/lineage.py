"""What an artifact came from: every execution behind it, back to what was given from outside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select

from slipline.pipeline.core.errors import StoreError
from slipline.pipeline.store.store import Store
from slipline.pipeline.store.tables import ExecutionInputRow, ExecutionRow


@dataclass(frozen=True, kw_only=True)
class Taken:
    """An artifact that an execution took.

    Attributes:
      name: The parameter it was bound to; for a gate, the step whose verdict it is.
      artifact_type: Its class.
      digest: Its identity.
      execution_id: What made it; None if it was given from outside.
      place: Where it lay then.
      gate: Whether it is a verdict that let the execution run.
    """

    name: str
    artifact_type: str
    digest: str
    execution_id: str | None
    place: str
    gate: bool


@dataclass(frozen=True, kw_only=True)
class Made:
    """One execution and the artifact it made.

    Attributes:
      execution_id: Its id, also the name of its folder.
      step: The step's name.
      artifact_type: The class of what it made.
      artifact_class: Where that class is found; empty if an earlier version recorded it.
      digest: The identity of what it made.
      code: Digest of the component's source and of the project modules it imports.
      frameworks: `name==version` of the installed packages these import.
      settings: Canonical JSON of its settings.
      files: Digest of the outside files it read; empty if none.
      facts: JSON of the facts of what it made.
      ended_at: When, in UTC.
      seconds: How long it took.
      folder: Where it lies, relative to the home.
      taken: What it took.
    """

    execution_id: str
    step: str
    artifact_type: str
    artifact_class: str
    digest: str
    code: str
    frameworks: tuple[str, ...]
    settings: str
    files: str
    facts: str
    ended_at: str
    seconds: float
    folder: str
    taken: tuple[Taken, ...]


@dataclass(frozen=True)
class Lineage:
    """The executions behind one, upstream first; the last is the one itself."""

    executions: tuple[Made, ...]

    def to_json(self) -> str:
        """An array of executions; settings and facts as JSON values."""
        plain = [asdict(made) for made in self.executions]
        for made in plain:
            made["settings"], made["facts"] = readable_settings(made["settings"]), json.loads(made["facts"])
        return json.dumps(plain, indent=1)

    def to_dot(self) -> str:
        """A Graphviz graph: executions as boxes, given artifacts as notes, gates as dashed arrows."""
        lines = ["digraph lineage {", "  rankdir=LR;", '  node [shape=box, fontname="sans-serif"];']
        for made in self.executions:
            lines.append(f'  "{made.execution_id}" [label="{made.step}\\n{made.artifact_type} {made.digest[:12]}"];')
            for taken in made.taken:
                source = taken.execution_id or f"given {taken.digest[:12]}"
                if taken.execution_id is None:
                    lines.append(f'  "{source}" [shape=note, label="{taken.artifact_type}\\n{taken.digest[:12]}"];')
                style = ", style=dashed" if taken.gate else ""
                lines.append(f'  "{source}" -> "{made.execution_id}" [label="{taken.name}"{style}];')
        return "\n".join([*lines, "}"])


def readable_settings(settings: str) -> dict[str, object]:
    """The settings of an execution as a person wrote them, by parameter: plain values, and records by their fields."""
    return {parameter: _readable(value) for parameter, value in json.loads(settings).items()}


def flat_settings(settings: str) -> Iterator[tuple[str, object]]:
    """Each setting of an execution by its own name, whether it is a field of a record or a parameter itself."""
    for parameter, (kind, content) in json.loads(settings).items():
        if isinstance(content, dict):
            yield from ((name, _readable(value)) for name, value in content.items())
        else:
            yield parameter, _readable([kind, content])


def _readable(canonical: list[Any]) -> object:
    """A canonical value without its type; of code that is named, the name."""
    kind, content = canonical
    if isinstance(kind, list):
        return _readable(kind)
    if kind == "float":
        return float.fromhex(content)
    if kind == "mapping":
        return {str(_readable(key)): _readable(value) for key, value in content}
    if isinstance(content, dict):
        return {name: _readable(value) for name, value in content.items()}
    return [_readable(item) for item in content] if isinstance(content, list) else content


def trace(store: Store, execution_id: str) -> Lineage:
    """The lineage of an execution.

    Raises:
      StoreError: There is no such execution on record.
    """
    with store.session() as session:
        reached: dict[str, Made] = {}

        def visit(identity: str) -> None:
            if identity in reached:
                return
            row = session.get(ExecutionRow, identity)
            if row is None:
                raise StoreError(
                    f"no execution {identity!r} on record; name one that `slipline runs --json` lists, or MODEL@VERSION"
                )
            inputs = session.scalars(select(ExecutionInputRow).filter_by(execution_id=identity)).all()
            for taken in inputs:
                if taken.source_id is not None:
                    visit(taken.source_id)
            reached[identity] = _made(row, tuple(_taken(taken) for taken in inputs))

        visit(execution_id)
    return Lineage(tuple(reached.values()))


def _taken(row: ExecutionInputRow) -> Taken:
    return Taken(
        name=row.name,
        artifact_type=row.artifact_type,
        digest=row.digest,
        execution_id=row.source_id,
        place=row.place,
        gate=row.gate,
    )


def _made(row: ExecutionRow, taken: tuple[Taken, ...]) -> Made:
    return Made(
        execution_id=row.id,
        step=row.step,
        artifact_type=row.artifact_type,
        artifact_class=row.artifact_class,
        digest=row.digest,
        code=row.code,
        frameworks=tuple(row.frameworks.splitlines()),
        settings=row.settings,
        files=row.files,
        facts=row.facts,
        ended_at=row.ended_at,
        seconds=row.seconds,
        folder=row.folder,
        taken=taken,
    )
