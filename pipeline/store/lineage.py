"""What an artifact came from: every execution behind it, back to what was given from outside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from slipline.pipeline.core.errors import StoreError
from slipline.pipeline.store.store import Store
from slipline.pipeline.store.tables import ExecutionRow


@dataclass(frozen=True)
class Lineage:
    """The executions behind some, upstream first, with these themselves; behind one, it is the last."""

    executions: tuple[ExecutionRow, ...]

    def to_plain(self) -> list[dict[str, object]]:
        """The executions as JSON takes them, with settings and facts."""
        return [_plain(made) for made in self.executions]

    def to_dot(self) -> str:
        """A Graphviz graph: executions as boxes, given artifacts as notes, gates as dashed arrows."""
        lines = ["digraph lineage {", "  rankdir=LR;", '  node [shape=box, fontname="sans-serif"];']
        for made in self.executions:
            lines.append(f'  "{made.id}" [label="{made.step}\\n{made.artifact_type} {made.digest[:12]}"];')
            for taken in made.taken:
                source = taken.source_id or f"given {taken.digest[:12]}"
                if taken.source_id is None:
                    lines.append(f'  "{source}" [shape=note, label="{taken.artifact_type}\\n{taken.digest[:12]}"];')
                style = ", style=dashed" if taken.gate else ""
                lines.append(f'  "{source}" -> "{made.id}" [label="{taken.name}"{style}];')
        return "\n".join([*lines, "}"])


def _plain(made: ExecutionRow) -> dict[str, object]:
    parts = {"frameworks": made.frameworks.splitlines(), "settings": readable_settings(made.settings)}
    taken = [{**each.to_plain(), "execution_id": each.source_id} for each in made.taken]
    return {**made.to_plain(), **parts, "execution_id": made.id, "facts": json.loads(made.facts), "taken": taken}


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


def trace(store: Store, *execution_ids: str) -> Lineage:
    """The lineage of executions.

    Raises:
      StoreError: There is no such execution on record.
    """
    with store.session() as session:
        reached: dict[str, ExecutionRow] = {}

        def visit(identity: str) -> None:
            if identity in reached:
                return
            row = session.get(ExecutionRow, identity)
            if row is None:
                raise StoreError(
                    f"no execution {identity!r} on record; name one that `slipline runs --json` lists, or MODEL@VERSION"
                )
            for taken in row.taken:
                if taken.source_id is not None:
                    visit(taken.source_id)
            reached[identity] = row

        for execution_id in execution_ids:
            visit(execution_id)
    return Lineage(tuple(reached.values()))
