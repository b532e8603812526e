"""What a source imports, kept from process to process, as parsing a project takes longer than all else of a rerun."""

from __future__ import annotations

import ast
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock

FORMAT = "imports 1"
"""Stands in the file, so that what another edition read is read anew: raise it where a source is read otherwise."""

MOST_KEPT = 20_000
"""So many sources are remembered; beyond that, only those of now."""

Import = tuple[int, str, Sequence[str]]
"""The dots before the module of an import statement, the module, and what it takes from there."""


class Imports:
    """Reads what sources import; what was read is known by the source's own content, so no change goes unseen.

    Args:
      memory: The file to keep it in; None for this process alone.
    """

    def __init__(self, memory: Path | None = None) -> None:
        self._memory = memory
        self._kept = _load(memory) if memory else {}
        self._of_now: dict[str, Sequence[Import]] = {}
        self._is_saved = True

    def of(self, source: bytes) -> tuple[str, Sequence[Import]]:
        """The sha256 of a source, in hex, and the import statements anywhere in it that can run."""
        digest = hashlib.sha256(source).hexdigest()
        if digest not in self._of_now:
            self._is_saved &= digest in self._kept
            self._of_now[digest] = self._kept[digest] if digest in self._kept else _parsed(source)
        return digest, self._of_now[digest]

    def save(self) -> None:
        """Writes what is new to the file."""
        if self._is_saved or self._memory is None:
            return
        if len(self._kept) > MOST_KEPT:
            self._kept.clear()
        self._kept.update(self._of_now)
        aside = self._memory.with_name(f"{self._memory.name}.{os.getpid()}")
        with suppress(OSError):  # no harm done: it is read anew next time
            aside.write_text(json.dumps({FORMAT: self._kept}), "utf-8")
            aside.replace(self._memory)
        self._is_saved = True


def imported_names(module: str, is_package: bool, imports: Sequence[Import]) -> Iterator[str]:
    """Modules that `module` imports; of `from a import b` both `a` and `a.b`, which need not be one."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    for level, base, names in imports:
        if level > len(package) + 1:
            continue
        above = package[: len(package) - level + 1] if level else []
        origin = ".".join([*above, base] if base else above)
        yield origin
        yield from (f"{origin}.{name}" for name in names)


_ONE_AT_A_TIME = Lock()


def syntax_tree(source: bytes | str) -> ast.Module:
    """The statements of a source; in one thread at a time, as Python's parser loses count where two are at it."""
    with _ONE_AT_A_TIME:
        return ast.parse(source)


def _parsed(source: bytes) -> Sequence[Import]:
    try:
        nodes = list(_run(syntax_tree(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # compiled, for another Python, or nested too deep
        return []
    found: list[Import] = []
    for node in nodes:
        if isinstance(node, ast.Import):
            found += [(0, alias.name, ()) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.level, node.module or "", tuple(alias.name for alias in node.names)))
    return found


def _run(tree: ast.Module) -> Iterator[ast.AST]:
    """All statements but those for type checkers alone, which never run."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        is_for_types = isinstance(node, ast.If) and _last_name(node.test) == "TYPE_CHECKING"
        for field in ("orelse",) if is_for_types else BLOCKS:
            waiting += getattr(node, field, ())


BLOCKS = ("body", "handlers", "orelse", "finalbody", "cases")
"""Where statements hold others. What expressions hold, ten times as much, is no import."""


def _last_name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _load(memory: Path) -> dict[str, Sequence[Import]]:
    try:
        kept = json.loads(memory.read_bytes())
    except (OSError, ValueError):  # none yet, or no file of ours
        return {}
    found = kept.get(FORMAT) if isinstance(kept, dict) else None
    return found if isinstance(found, dict) else {}
