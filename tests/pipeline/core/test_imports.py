import gc
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from slipline.pipeline.core import imports as memory_of
from slipline.pipeline.core.imports import FORMAT, Imports, imported_names, syntax_tree

SOURCE = b"""
import a.b, c as d
from e import f, g as h
from . import i
from ..j import k
def later():
    import l
    try:
        from ...m import *
    except ImportError:
        pass
"""


def names(module: str, is_package: bool = False, source: bytes = SOURCE) -> set[str]:
    return set(imported_names(module, is_package, Imports().of(source)[1]))


def test_every_import_of_a_source_is_named_functions_included() -> None:
    always = {"a.b", "c", "e", "e.f", "e.g", "l"}
    assert names("x.y.z") == always | {"x.y", "x.y.i", "x.j", "x.j.k", "m", "m.*"}
    assert names("x.y", is_package=True) == always | {"x.y", "x.y.i", "x.j", "x.j.k", "m", "m.*"}


def test_an_import_from_above_the_top_names_nothing() -> None:
    assert names("z", source=b"from .. import a\nfrom .b import c\n") == {"b", "b.c"}


def test_what_only_type_checkers_import_is_not_named_and_what_runs_instead_is() -> None:
    source = b"""
if TYPE_CHECKING:
    import a
    if d: import e
else:
    import b
if typing.TYPE_CHECKING: import f
elif g: import h
if not TYPE_CHECKING: import i
"""
    assert names("z", source=source) == {"b", "h", "i"}


def test_an_import_is_named_whatever_statement_it_stands_in() -> None:
    source = b"""
class A:
    import a
    async def m(self):
        async with b: import c
        async for d in e: import f
        else: import g
match h:
    case [i] if i: import j
    case _:
        while k: import l
        else: import m
for n in o:
    with p:
        try: import q
        except r: import s
        else: import t
        finally: import u
"""
    assert names("z", source=source) == {"a", "c", "f", "g", "j", "l", "m", "q", "s", "t", "u"}


def test_what_does_not_parse_imports_nothing() -> None:
    for source in (b"import", b"\0", b"\x7fELF\0", b"-" * 100_000 + b"1", b"# coding: no-such\n"):
        assert list(Imports().of(source)[1]) == []


def kept_in(memory: Path) -> dict[str, list[list[Any]]]:
    kept: dict[str, list[list[Any]]] = json.loads(memory.read_text())[FORMAT]
    return kept


def test_sources_can_be_read_in_several_threads_at_once() -> None:
    source = Path(memory_of.__file__).read_bytes()
    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.callbacks.append(give_way)
    gc.set_threshold(50)
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            trees = list(pool.map(syntax_tree, [source] * 100))
    finally:
        gc.callbacks.remove(give_way)
        gc.set_threshold(*threshold)
        sys.setswitchinterval(interval)
    assert len({len(tree.body) for tree in trees}) == 1


def give_way(phase: str, info: object) -> None:
    """Lets another thread go on in the middle of parsing, as whatever Python calls while it collects garbage may."""
    time.sleep(0)


def test_what_was_read_is_remembered_in_the_next_process_by_the_content_of_the_source(tmp_path: Path) -> None:
    memory = tmp_path / "memory.json"
    first = Imports(memory)
    digest, found = first.of(b"import a\n")
    first.save()
    assert list(kept_in(memory)) == [digest]
    memory.write_text(json.dumps({FORMAT: {digest: [[0, "remembered", []]]}}))
    later = Imports(memory)
    assert list(imported_names("x", False, later.of(b"import a\n")[1])) == ["remembered"]
    assert list(imported_names("x", False, later.of(b"import b\n")[1])) == ["b"]
    assert list(imported_names("x", False, found)) == ["a"]


def test_what_is_not_asked_for_now_is_kept_for_others(tmp_path: Path) -> None:
    memory = tmp_path / "memory.json"
    for source in (b"import a\n", b"import b\n"):
        imports = Imports(memory)
        imports.of(source)
        imports.save()
    assert len(kept_in(memory)) == 2


def test_a_memory_of_too_many_sources_keeps_those_of_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_of, "MOST_KEPT", 3)
    memory = tmp_path / "memory.json"
    for number in range(6):
        imports = Imports(memory)
        imports.of(f"import a{number}\n".encode())
        imports.save()
    kept = kept_in(memory)
    assert [found[0][1] for found in kept.values()] == ["a4", "a5"]


def test_nothing_is_written_where_nothing_is_new(tmp_path: Path) -> None:
    memory = tmp_path / "memory.json"
    for imports in (Imports(memory), Imports()):
        imports.of(b"import a\n")
        imports.save()
        written = memory.stat().st_ino
        imports.save()
        assert memory.stat().st_ino == written
    later = Imports(memory)
    later.of(b"import a\n")
    later.save()
    assert memory.stat().st_ino == written
    assert [file.name for file in tmp_path.iterdir()] == ["memory.json"]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": ', '{"imports 0": {}}', '{"imports 1": []}'])
def test_a_memory_that_cannot_be_read_is_made_anew(tmp_path: Path, content: str) -> None:
    memory = tmp_path / "memory.json"
    memory.write_text(content)
    imports = Imports(memory)
    digest, found = imports.of(b"import a\n")
    imports.save()
    assert list(imported_names("x", False, found)) == ["a"]
    assert list(kept_in(memory)) == [digest]


def test_a_memory_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    imports = Imports(tmp_path / "file" / "memory.json")
    imports.of(b"import a\n")
    imports.save()
