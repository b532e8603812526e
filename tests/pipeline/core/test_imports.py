import json
from pathlib import Path

import pytest

from slipline.pipeline.core import imports as memory_of
from slipline.pipeline.core.imports import Imports, imported_names

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


def test_what_does_not_parse_imports_nothing() -> None:
    for source in (b"import", b"\0", b"\x7fELF\0", b"-" * 100_000 + b"1", b"# coding: no-such\n"):
        assert list(Imports().of(source)[1]) == []


def test_what_was_read_is_remembered_in_the_next_process_by_the_content_of_the_source(tmp_path: Path) -> None:
    memory = tmp_path / "memory.json"
    first = Imports(memory)
    digest, found = first.of(b"import a\n")
    first.save()
    kept = json.loads(memory.read_text())
    assert list(kept) == [digest]
    memory.write_text(json.dumps({digest: [[0, "remembered", []]]}))
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
    assert len(json.loads(memory.read_text())) == 2


def test_a_memory_of_too_many_sources_keeps_those_of_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_of, "MOST_KEPT", 3)
    memory = tmp_path / "memory.json"
    for number in range(6):
        imports = Imports(memory)
        imports.of(f"import a{number}\n".encode())
        imports.save()
    kept = json.loads(memory.read_text())
    assert [found[0][1] for found in kept.values()] == ["a4", "a5"]


def test_nothing_is_written_where_nothing_is_new(tmp_path: Path) -> None:
    memory = tmp_path / "memory.json"
    for _ in range(2):
        imports = Imports(memory)
        imports.of(b"import a\n")
        imports.save()
        imports.save()
        inode = memory.stat().st_ino
    assert memory.stat().st_ino == inode
    assert [file.name for file in tmp_path.iterdir()] == ["memory.json"]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": '])
def test_a_memory_that_cannot_be_read_is_made_anew(tmp_path: Path, content: str) -> None:
    memory = tmp_path / "memory.json"
    memory.write_text(content)
    imports = Imports(memory)
    digest, found = imports.of(b"import a\n")
    imports.save()
    assert list(imported_names("x", False, found)) == ["a"]
    assert list(json.loads(memory.read_text())) == [digest]


def test_a_memory_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    imports = Imports(tmp_path / "file" / "memory.json")
    imports.of(b"import a\n")
    imports.save()
