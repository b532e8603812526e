"""What a package names for the public, each name's module imported when it is first asked for."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path


def lazy_names(package: str, file: str) -> tuple[Callable[[str], object], list[str]]:
    """A package's `__getattr__` and its `__all__`: the names that it imports for type checkers, as themselves.

    Args:
      package: Its name.
      file: Its `__init__.py`, which says `from package.module import name as name` below `if TYPE_CHECKING`.

    Returns:
      Both; a name is the module's own object, and stays in the package once it was asked for.
    """
    imports = rf"^    from {re.escape(package)}\.(\S+) import (\w+) as \2$"  # parsing would take ten times as long
    found_in = re.findall(imports, Path(file).read_text("utf-8"), re.MULTILINE)
    places: dict[str, str] = {name: module for module, name in found_in}

    def get(name: str) -> object:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found: object = getattr(import_module(f"{package}.{places[name]}"), name)
        setattr(sys.modules[package], name, found)
        return found

    return get, sorted(places)
