"""Digests of the code behind a component: its module and every project module that one imports.

Modules are found and read without being imported, so that no framework is loaded to compute a digest.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import importlib.util
import sys
import sysconfig
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Code:
    """What a module's behaviour depends on.

    Attributes:
      digest: sha256 in hex over the module and every project module it imports, directly or not.
      frameworks: `name==version` of the installed packages these import.
    """

    digest: str
    frameworks: tuple[str, ...]


OWN_PACKAGES = frozenset({"slipline"})
"""Read as project code even where they are installed."""


def code_of(*modules: str) -> Code:
    """The code behind modules of the project; of an installed package, its version.

    Raises:
      ModuleNotFoundError: There is no such module.
    """
    sources, packages = _closure(modules)
    digest = hashlib.sha256()
    for name, source in sorted(sources.items()):
        digest.update(f"{name}\0{hashlib.sha256(source).hexdigest()}\n".encode())
    return Code(digest.hexdigest(), tuple(sorted({version for package in packages for version in _versions(package)})))


def _closure(modules: tuple[str, ...]) -> tuple[dict[str, bytes], set[str]]:
    sources: dict[str, bytes] = {}
    packages: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in sources:
            continue
        file = _project_file(name)
        if file is not None:
            sources[name] = file.read_bytes()
            waiting.extend(_imports(name, file.name == "__init__.py", sources[name]))
            waiting.extend(parent for parent in _parents(name) if _project_file(parent) is not None)
        elif name in modules and not _versions(name.partition(".")[0]):
            raise ModuleNotFoundError(
                f"no module {name!r}; name one as package.module, found from the working directory"
            )
        else:
            packages.add(name.partition(".")[0])
    return sources, packages


def _parents(module: str) -> list[str]:
    """The packages that a module lies in: their `__init__` runs before it does."""
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def _imports(module: str, is_package: bool, source: bytes) -> set[str]:
    """Names a module imports anywhere, functions included; of `from a import b`, `a.b` too if that is a module."""
    named, perhaps = _import_names(module, is_package, source)
    return {*named, *(name for name in perhaps if _project_file(name) is not None)}


@cache  # most steps import the same modules
def _import_names(module: str, is_package: bool, source: bytes) -> tuple[frozenset[str], frozenset[str]]:
    """Names that are modules, and names that may be."""
    named: set[str] = set()
    perhaps: set[str] = set()
    for node in ast.walk(ast.parse(source, filename=module)):
        if isinstance(node, ast.Import):
            named.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(module, is_package, node)
            named.add(base)
            perhaps.update(f"{base}.{alias.name}" for alias in node.names)
    return frozenset(named), frozenset(perhaps)


def _absolute(module: str, is_package: bool, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    package = module.split(".") if is_package else module.split(".")[:-1]
    kept = package[: len(package) - node.level + 1]
    return ".".join([*kept, node.module] if node.module else kept)


@cache
def _installed_folders() -> tuple[Path, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return tuple({Path(sysconfig.get_path(name)).resolve() for name in names})


def _project_file(module: str) -> Path | None:
    """The source file of a module of the project; None for the standard library and installed packages."""
    top, *rest = module.split(".")
    if top in sys.stdlib_module_names:
        return None
    for folder in _top_folders(top):
        path = folder.joinpath(*rest) if rest else folder
        for file in (path / "__init__.py", path.with_suffix(".py")):
            if file.is_file():
                return file
    return None


@cache
def _top_folders(top: str) -> tuple[Path, ...]:
    """Where a top-level project package or module lies, without its suffix; empty if it is an installed one."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return ()
    if spec is None:
        return ()
    places = list(spec.submodule_search_locations or ()) or [str(spec.origin).removesuffix(".py")]
    folders = tuple(Path(place).resolve() for place in places)
    if top in OWN_PACKAGES:
        return folders
    return tuple(f for f in folders if not any(f.is_relative_to(installed) for installed in _installed_folders()))


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


@cache
def _versions(package: str) -> tuple[str, ...]:
    """`name==version` of what brings an import package: several distributions for a namespace such as `google`."""
    if package in sys.stdlib_module_names:
        return ()
    try:
        return (f"{package}=={importlib.metadata.version(package)}",)
    except importlib.metadata.PackageNotFoundError:
        names = sorted(set(_distributions().get(package, [])))
        return tuple(f"{name}=={importlib.metadata.version(name)}" for name in names)
