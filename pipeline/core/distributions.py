"""Which distribution brings a module: what `pip install` brought, also as a link to a working copy (editable)."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

from slipline.pipeline.core.module_files import path_entries


class Distribution:
    """What can be installed, such as `numpy` 2.4; each fact about it is read when it is first asked for.

    Args:
      facts: Its `.dist-info` or `.egg-info`; as importlib.metadata reads one in 0.5 ms, this reads only what is wanted.
    """

    def __init__(self, facts: str) -> None:
        self._facts = facts

    @cached_property
    def requirement(self) -> str:
        """`name==version`."""
        text = self._text("/METADATA") or self._text("/PKG-INFO") or self._text("")  # an egg-info may be one file
        name, version = (re.search(rf"^{key}: *(.*?) *$", text, re.MULTILINE) for key in ("Name", "Version"))
        return f"{name[1] if name else '?'}=={version[1] if version else '?'}"

    @cached_property
    def tops(self) -> frozenset[str]:
        """The packages and modules without a dot that it brings, as far as it says so."""
        if self._facts.endswith(".egg-info") and not Path(self._facts).is_dir():  # it says nothing but its name
            return frozenset({Path(self._facts).name.removesuffix(".egg-info").partition("-")[0]})
        stated = self._text("/top_level.txt").split()
        return frozenset(stated or re.findall(r"^([^/,.]+)(?=/|\.py,|\.[^/,]*\.so,)", self._record, re.MULTILINE))

    @cached_property
    def linked_to(self) -> str | None:
        """The folder that it was installed from as a link, so that changes there count at once; None if as a copy.

        What a build leaves beside the sources is no copy.
        """
        facts = Path(self._facts)
        is_left = facts.suffix == ".egg-info" and (facts / "SOURCES.txt").is_file()
        if is_left and facts.parent.name not in ("site-packages", "dist-packages"):
            return os.path.realpath(facts.parent)
        text = self._text("/direct_url.json")
        try:
            origin = json.loads(text) if text else {}
            is_link = origin.get("dir_info", {}).get("editable", False)
            return os.path.realpath(unquote(urlsplit(origin["url"]).path)) if is_link else None
        except (ValueError, AttributeError, KeyError):  # it is other people's file
            return None

    def brings(self, file: str) -> bool:
        """Whether a file, by its place in the folder that it was installed into, is one of its own."""
        return f"\n{file}," in f"\n{self._record}"

    def links_to(self, file: str) -> bool:
        """Whether `file` lies in the folder it was installed from as a link."""
        return any(path.startswith(f"{self.linked_to}/") for path in (file, os.path.realpath(file)))

    @cached_property
    def _record(self) -> str:
        return self._text("/RECORD")

    def _text(self, name: str) -> str:
        with suppress(OSError), open(self._facts + name, encoding="utf-8", errors="replace") as stream:  # noqa: PTH123 - fast
            return stream.read()
        return ""


class Distributions:
    """The distributions found from `sys.path`; each of its folders is read when it is first asked for."""

    def __init__(self) -> None:
        self._all: dict[str, list[Distribution]] = {}
        self._by_top: dict[str, dict[str, list[Distribution]]] = {}
        self._links: list[Distribution] | None = None

    def owner_of(self, module: str, file: str, entry: str) -> Distribution | None:
        """The distribution that brings a module; None if none does.

        Args:
          module: Its name.
          file: Where it lies.
          entry: The folder of `sys.path` it is imported from.
        """
        top = module.partition(".")[0]
        owners = self._bringing(entry).get(top, [])
        if len(owners) > 1:  # a namespace that several share, such as `google`
            owners = [each for each in owners if each.brings(file.removeprefix(f"{entry}/"))]
        return owners[0] if owners else self._linked_owner(top, file)

    def _linked_owner(self, top: str, file: str) -> Distribution | None:
        if self._links is None:
            entries = dict.fromkeys(path_entries())
            self._links = [each for entry in entries for each in self._in(entry) if each.linked_to]
        owners = [each for each in self._links if (top in each.tops if each.tops else each.links_to(file))]
        if len(owners) < 2:
            return next(iter(owners), None)
        return max(owners, key=lambda each: (each.links_to(file), len(each.linked_to or "")))

    def _bringing(self, entry: str) -> dict[str, list[Distribution]]:
        if entry not in self._by_top:
            self._by_top[entry] = {}
            for distribution in self._in(entry):
                for top in distribution.tops:
                    self._by_top[entry].setdefault(top, []).append(distribution)
        return self._by_top[entry]

    def _in(self, entry: str) -> list[Distribution]:
        if entry not in self._all:
            try:
                with os.scandir(entry) as found:
                    facts = sorted(
                        each.name for each in found if each.name.endswith((".dist-info", ".egg-info", "EGG-INFO"))
                    )
            except OSError:
                facts = []
            self._all[entry] = [Distribution(f"{entry}/{name}") for name in facts]
        return self._all[entry]
