"""What a package names for the public, each name's module imported when it is first asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def lazy_names(package: str, modules: Mapping[str, tuple[str, ...]]) -> tuple[Callable[[str], object], list[str]]:
    """A package's `__getattr__` and its `__all__`.

    Args:
      package: Its name.
      modules: For each of its modules, named from the package on, the public names it defines.

    Returns:
      Both; a name is the module's own object, and stays in the package once it was asked for.
    """
    places = {name: module for module, names in modules.items() for name in names}

    def get(name: str) -> object:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found: object = getattr(import_module(f"{package}.{places[name]}"), name)
        setattr(sys.modules[package], name, found)
        return found

    return get, sorted(places)
