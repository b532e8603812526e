"""Digests of the code behind a component: its module and every project module that one imports.

The distribution that a component belongs to counts by its source, also where it is installed; every other counts by its
version, wherever it lies; what no distribution brought, such as a folder of one's own, counts by its source. Modules
are found and read without being imported, so that no framework is loaded to compute a digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from threading import RLock

from slipline.pipeline.core.distributions import Distribution, Distributions
from slipline.pipeline.core.imports import Imports, imported_names
from slipline.pipeline.core.main_code import main_file, main_source, started_module
from slipline.pipeline.core.module_files import ModuleFiles


@dataclass(frozen=True)
class Code:
    """What a module's behaviour depends on.

    Attributes:
      digest: sha256 in hex over the module and every project module it imports, directly or not.
      frameworks: `name==version` of the distributions these import.
    """

    digest: str
    frameworks: tuple[str, ...]


@dataclass(frozen=True)
class _Module:
    """Where a module lies, and what brought it there.

    Attributes:
      file: None for a folder without `__init__`.
      owner: The distribution; None for a folder of one's own.
      is_package: Whether it can hold modules.
    """

    file: str | None
    owner: Distribution | None
    is_package: bool

    def is_others(self, own: Distribution | None) -> bool:
        """Whether it belongs to another distribution than `own`."""
        return self.owner is not None and (own is None or self.owner.requirement != own.requirement)


@dataclass(frozen=True)
class _Source:
    digest: str
    imports: frozenset[str]


class Sources:
    """The code on this machine, as it is when it is first asked for.

    Args:
      memory: A file that keeps from process to process what was read; None for this process alone.
    """

    def __init__(self, memory: Path | None = None) -> None:
        self._lock = RLock()  # steps that run side by side ask at once
        self._distributions = Distributions()
        self._imports = Imports(memory)
        self._forget()

    def anew(self) -> Sources:
        """The code as it is from now on."""
        later = copy(self)
        later._forget()
        return later

    def code_of(self, module: str, *runs: str, function: str = "") -> Code:
        """The code behind a component.

        Args:
          module: What defines it. The distribution that brings it counts by its source.
          *runs: Modules that it runs without importing them by name.
          function: Its name, which tells what belongs to it in a notebook.

        Raises:
          ModuleNotFoundError: There is no such module.
        """
        if module == "__main__":
            module = started_module() or module
        with self._lock:
            if module == "__main__":
                return self._code_of_main(function, runs)
            return self._code((module, *runs), self._existing(module).owner)

    def _code_of_main(self, function: str, runs: Sequence[str]) -> Code:
        file = main_file()
        main = self._source_of(main_source(function), "__main__", is_package=False)
        owner = self._distributions.owner_of(Path(file).stem, file, str(Path(file).parent)) if file else None
        return self._code(runs, owner, main)

    def code_named(self, module: str) -> Code:
        """The code of a module that a setting names; an installed one counts by its version, unless it is a link.

        Raises:
          ModuleNotFoundError: There is no such module.
        """
        with self._lock:
            owner = self._existing(module).owner
            return self._code((module,), owner if owner and owner.linked_to else None)

    def require(self, module: str) -> None:
        """Does nothing but find a module.

        Raises:
          ModuleNotFoundError: There is none.
        """
        self._existing(module)

    def _code(self, roots: Sequence[str], own: Distribution | None, main: _Source | None = None) -> Code:
        sources = {"__main__": main} if main else {}
        owners: set[Distribution] = set()
        waiting = {*roots, *(main.imports if main else ())}
        for root in roots:
            self._existing(root)
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            seen.add(name)
            found = self._whole(name.partition(".")[0], own) or self._module(name)
            if found is None or found.file is None:
                continue
            if found.owner is not None and found.is_others(own):
                owners.add(found.owner)
                continue
            sources[name] = self._source(name, found.file, is_package=found.is_package)
            waiting |= {*sources[name].imports, *_parents(name)} - seen
        self._imports.save()
        digest = hashlib.sha256()
        for name, source in sorted(sources.items()):
            digest.update(f"{name}\0{source.digest}\n".encode())
        return Code(digest.hexdigest(), tuple(sorted({owner.requirement for owner in owners})))

    def _whole(self, top: str, own: Distribution | None) -> _Module | None:
        """A package of another distribution, none of whose modules needs to be looked for."""
        found = self._module(top)
        return found if found and found.file and found.is_others(own) else None

    def _existing(self, name: str) -> _Module:
        found = self._module(name)
        if found is None:
            raise ModuleNotFoundError(
                f"no module {name!r}; name one as package.module, found from the working directory"
            )
        return found

    def _module(self, name: str) -> _Module | None:
        if name not in self._modules:
            found = self._files.find(name)
            owner = self._distributions.owner_of(name, found.file, found.entry) if found and found.file else None
            self._modules[name] = _Module(found.file, owner, found.is_package) if found else None
        return self._modules[name]

    def _source(self, name: str, file: str, *, is_package: bool) -> _Source:
        if name not in self._sources:
            with open(file, "rb") as stream:  # noqa: PTH123 - a third faster, for some hundred files
                self._sources[name] = self._source_of(stream.read(), name, is_package=is_package)
        return self._sources[name]

    def _source_of(self, source: bytes, name: str, *, is_package: bool) -> _Source:
        digest, imports = self._imports.of(source)
        return _Source(digest, frozenset(imported_names(name, is_package, imports)))

    def _forget(self) -> None:
        self._files = ModuleFiles()
        self._modules: dict[str, _Module | None] = {}
        self._sources: dict[str, _Source] = {}


def _parents(module: str) -> list[str]:
    """The packages that a module lies in: their `__init__` runs before it does."""
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]
