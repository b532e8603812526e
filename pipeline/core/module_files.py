"""Where modules lie, found without importing them."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    BuiltinImporter,
    FrozenImporter,
    ModuleSpec,
    PathFinder,
)
from pathlib import Path
from typing import Any

SUFFIXES = (*EXTENSION_SUFFIXES, *SOURCE_SUFFIXES)
"""In the order in which Python looks for them."""

USUAL_FINDERS = (BuiltinImporter, FrozenImporter, PathFinder)
"""Others were put there by something installed, such as links to working copies."""


def path_entries() -> list[str]:
    """The folders that modules are imported from, as Python takes them: the empty one is the working directory."""
    return [entry or str(Path.cwd()) for entry in sys.path if isinstance(entry, str)]


@dataclass(frozen=True)
class ModuleFile:
    """Where a module lies.

    Attributes:
      entry: The folder of `sys.path` it is imported from.
      file: Its source, or what was compiled from it; None for folders without `__init__`.
      folders: Of a package, where its modules lie.
    """

    entry: str
    file: str | None
    folders: tuple[str, ...] = ()

    @property
    def is_package(self) -> bool:
        """Whether it can hold modules."""
        return bool(self.folders)


class ModuleFiles:
    """The modules as they lie when they are first asked for; each folder is listed once."""

    def __init__(self) -> None:
        self._found: dict[str, ModuleFile | None] = {}
        self._names: dict[str, frozenset[str]] = {}
        self._path = tuple(path_entries())
        standard = {Path(each).resolve() for each in _standard_folders()}
        self._standard = {entry for entry in self._path if Path(entry).resolve() in standard}

    def find(self, module: str) -> ModuleFile | None:
        """Where `module` lies; None if it is nowhere, or in the standard library."""
        if module not in self._found:
            above, _, name = module.rpartition(".")
            self._found[module] = self._below(above, name) if above else self._top(name)
        return self._found[module]

    def _top(self, name: str) -> ModuleFile | None:
        if name in sys.builtin_module_names:
            return None
        found = self._in(self._path, "", name)
        return None if found and found.entry in self._standard else found

    def _below(self, above: str, name: str) -> ModuleFile | None:
        package = self.find(above)
        return self._in(package.folders, above, name) if package and package.is_package else None

    def _in(self, folders: tuple[str, ...], above: str, name: str) -> ModuleFile | None:
        without_init: list[str] = []
        for folder in folders:
            entry = folder.removesuffix("/" + above.replace(".", "/"))
            if name in self._list(folder):
                inside = f"{folder}/{name}"
                if init := self._first(inside, "__init__"):
                    return ModuleFile(entry, init, (inside,))
                without_init.append(inside)
            if file := self._first(folder, name):
                return ModuleFile(entry, file)
        spaces = tuple(each for each in without_init if self._list(each))
        return ModuleFile("", None, spaces) if spaces else _asked(f"{above}.{name}".lstrip("."), folders)

    def _first(self, folder: str, stem: str) -> str | None:
        names = self._list(folder)
        return next((f"{folder}/{stem}{suffix}" for suffix in SUFFIXES if stem + suffix in names), None)

    def _list(self, folder: str) -> frozenset[str]:
        if folder not in self._names:
            try:
                with os.scandir(folder) as found:
                    self._names[folder] = frozenset(each.name for each in found)
            except OSError:
                self._names[folder] = frozenset()
        return self._names[folder]


def _standard_folders() -> list[str]:
    """Where the standard library lies, compiled modules included."""
    compiled = sysconfig.get_config_var("DESTSHARED")
    return [*map(sysconfig.get_path, ("stdlib", "platstdlib")), *([compiled] if compiled else [])]


def _asked(module: str, folders: Sequence[str]) -> ModuleFile | None:
    """What finders say that were put beside Python's own, for links to working copies that lie elsewhere."""
    asked: list[tuple[Any, Sequence[str]]] = [(each, folders) for each in sys.meta_path if each not in USUAL_FINDERS]
    if hooks := [folder for folder in folders if folder.endswith(".__path_hook__")]:  # as setuptools names its own
        asked.append((PathFinder, hooks))
    for finder, places in asked:
        try:
            spec: ModuleSpec | None = finder.find_spec(module, places)
        except (Exception, SystemExit):  # it is other people's code
            continue
        if spec is not None and (spec.has_location or spec.submodule_search_locations):
            file = spec.origin if spec.has_location else None
            return ModuleFile("", file, tuple(spec.submodule_search_locations or ()))
    return None
