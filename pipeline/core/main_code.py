"""The code behind a function of the main program: a script, a notebook, or standard input."""

from __future__ import annotations

import ast
import sys
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from slipline.pipeline.core.imports import syntax_tree

UNREADABLE = uuid.uuid4().hex
"""Stands for source that cannot be read again, such as that from standard input: no other process has the same."""


def started_module() -> str | None:
    """The module that was started with `python -m`; None in a notebook, which is started so but is not that module."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec.name if spec and not _cells() else None


def main_file() -> str | None:
    """The script that runs; None in a notebook, or where it came from standard input."""
    file = getattr(sys.modules["__main__"], "__file__", None)
    return file if file and Path(file).is_file() and not _cells() else None


def main_source(function: str) -> bytes:
    """The source that a function of the main program depends on: the whole script, or what a notebook holds of it."""
    if file := main_file():
        return Path(file).read_bytes()
    return (statements_behind(function, _cells()) or UNREADABLE).encode()


def statements_behind(name: str, cells: Iterable[str]) -> str:
    """The statements of `cells` that make what `name` stands for and all that it names, as a module of their own.

    Args:
      name: Of a function, a class, or anything else.
      cells: In the order they ran; a name stands for what was given to it last.
    """
    statements = [statement for cell in cells for statement in _statements(cell)]
    making: dict[str, list[int]] = {}
    for place, statement in enumerate(statements):
        for made in _made_by(statement):
            kept = making.get(made, []) if isinstance(statement, ast.AugAssign) else []
            making[made] = [*kept, place]
    wanted: set[int] = set()
    names = {name}
    seen: set[str] = set()
    while names:
        seen |= names
        places = {place for each in names for place in making.get(each, [])} - wanted
        wanted |= places
        names = {each for place in places for each in _names_in(statements[place])} - seen
    wanted |= {place for place, statement in enumerate(statements) if _is_for_all(statement)}
    return "\n".join(ast.unparse(statements[place]) for place in sorted(wanted))


def _cells() -> list[str]:
    """What IPython keeps of what it was given, from where a notebook finds it too."""
    return list(getattr(sys.modules["__main__"], "In", ()))


def _statements(cell: str) -> list[ast.stmt]:
    try:
        return syntax_tree(cell).body
    except SyntaxError:  # it did not run
        return []


def _made_by(statement: ast.stmt) -> Iterator[str]:
    """Names that a statement gives something to."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
        return
    for node in ast.walk(statement):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _is_for_all(statement: ast.stmt) -> bool:
    """Whether a statement may change what any other means."""
    if not isinstance(statement, ast.ImportFrom):
        return False
    return statement.module == "__future__" or statement.names[0].name == "*"


def _names_in(statement: ast.stmt) -> Iterator[str]:
    return (node.id for node in ast.walk(statement) if isinstance(node, ast.Name))
