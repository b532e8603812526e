import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipline.pipeline.core.source_code import Code, Sources


def code_of(*modules: str) -> Code:
    return Sources().code_of(*modules)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of three modules: work imports part, beside imports nothing."""
    package = tmp_path / f"plant_{tmp_path.name.replace('-', '_')}"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "work.py").write_text("def go():\n    from . import part\n    import numpy\n    return part.x\n")
    (package / "part.py").write_text("x = 1\n")
    (package / "beside.py").write_text("y = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    return package


def test_a_change_of_the_module_changes_the_digest(project: Path) -> None:
    before = code_of(f"{project.name}.work")
    (project / "work.py").write_text((project / "work.py").read_text() + "# changed\n")
    assert code_of(f"{project.name}.work").digest != before.digest


def test_a_change_of_an_imported_project_module_changes_the_digest_even_if_imported_in_a_function(
    project: Path,
) -> None:
    before = code_of(f"{project.name}.work")
    (project / "part.py").write_text("x = 2\n")
    assert code_of(f"{project.name}.work").digest != before.digest


def test_an_unrelated_file_beside_the_module_changes_nothing(project: Path) -> None:
    before = code_of(f"{project.name}.work")
    (project / "beside.py").write_text("y = 2\n")
    (project / "stray.py").write_text("import tensorflow\n")
    assert code_of(f"{project.name}.work") == before


def test_installed_packages_count_by_name_and_version(project: Path) -> None:
    assert code_of(f"{project.name}.work").frameworks == (f"numpy=={np.__version__}",)
    assert code_of(f"{project.name}.beside").frameworks == ()


def test_an_installed_package_that_a_setting_names_counts_by_its_version() -> None:
    assert Sources().code_named("numpy.linalg").frameworks == (f"numpy=={np.__version__}",)


def test_a_module_that_is_nowhere_is_refused(project: Path) -> None:
    for wrong in ("no.such", f"{project.name}.no_such", "json"):
        for ask in (
            code_of,
            Sources().code_named,
            Sources().require,
            lambda name: code_of(f"{project.name}.work", name),
        ):
            with pytest.raises(ModuleNotFoundError, match=rf"no module '{wrong}'; name one as package\.module"):
                ask(wrong)


def test_a_module_that_is_somewhere_is_there() -> None:
    for name in ("numpy.linalg", __name__, "slipline.components"):
        Sources().require(name)


def test_the_init_of_a_package_counts_as_it_runs_before_its_modules(project: Path) -> None:
    before = code_of(f"{project.name}.work")
    (project / "__init__.py").write_text("x = 3\n")
    assert code_of(f"{project.name}.work").digest != before.digest


def test_modules_that_are_run_rather_than_imported_count_too(project: Path) -> None:
    before = code_of(f"{project.name}.work", f"{project.name}.beside")
    (project / "beside.py").write_text("y = 2\n")
    assert code_of(f"{project.name}.work", f"{project.name}.beside").digest != before.digest


def test_a_file_of_ones_own_counts_though_the_standard_library_has_one_of_that_name(project: Path) -> None:
    (project / "work.py").write_text("import colorsys\n")
    before = code_of(f"{project.name}.work")
    (project.parent / "colorsys.py").write_text("x = 1\n")
    assert code_of(f"{project.name}.work").digest != before.digest


def test_compiled_modules_and_such_as_do_not_parse_count_by_their_bytes(project: Path) -> None:
    (project / "work.py").write_text("from . import fast, old\n")
    (project / "old.py").write_text("print 'for Python 2'\n")
    before = code_of(f"{project.name}.work")
    (project / "fast.abi3.so").write_bytes(b"\x7fELF\0")
    with_fast = code_of(f"{project.name}.work")
    (project / "old.py").write_text("print 'still'\n")
    assert len({before.digest, with_fast.digest, code_of(f"{project.name}.work").digest}) == 3


def test_what_is_no_text_on_the_path_is_passed_over_as_python_does(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = code_of(f"{project.name}.work")
    monkeypatch.setattr(sys, "path", [project.parent / "elsewhere", *sys.path])
    assert code_of(f"{project.name}.work") == before


def test_the_working_directory_is_searched_where_the_path_has_an_empty_entry(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = code_of(f"{project.name}.work")
    monkeypatch.chdir(project.parent)
    monkeypatch.setattr(sys, "path", ["", *(entry for entry in sys.path if entry != str(project.parent))])
    assert code_of(f"{project.name}.work") == before


def test_code_is_as_it_was_when_first_asked_for_until_it_is_asked_for_anew(project: Path) -> None:
    sources = Sources()
    before = sources.code_of(f"{project.name}.work")
    (project / "part.py").write_text("x = 2\n")
    assert sources.code_of(f"{project.name}.work") == before
    assert sources.anew().code_of(f"{project.name}.work") == code_of(f"{project.name}.work") != before


@pytest.mark.parametrize("keep_time", [True, False])
def test_a_change_is_seen_with_the_same_size_and_time_though_sources_are_remembered(
    project: Path, tmp_path: Path, keep_time: bool
) -> None:
    memory, part = tmp_path / "memory.json", project / "part.py"
    before = Sources(memory).code_of(f"{project.name}.work")
    assert Sources(memory).code_of(f"{project.name}.work") == before
    status = part.stat()
    part.write_text("x = 2\n")
    if keep_time:
        os.utime(part, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert Sources(memory).code_of(f"{project.name}.work").digest != before.digest


MODULES = ("a", "b", "c", "d", "e")
IMPORTS = st.dictionaries(st.sampled_from(MODULES), st.sets(st.sampled_from(MODULES)), max_size=5)


def reachable(imports: dict[str, set[str]]) -> set[str]:
    found, waiting = set(), {"a"}
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= imports.get(name, set()) - found
    return found


@settings(max_examples=40, deadline=None)
@given(IMPORTS, st.sampled_from(MODULES), st.booleans())
def test_a_digest_changes_if_and_only_if_a_module_changes_that_is_imported_directly_or_not(
    tmp_path_factory: pytest.TempPathFactory, imports: dict[str, set[str]], changed: str, relative: bool
) -> None:
    root = tmp_path_factory.mktemp("graph")
    package = root / "graph"
    package.mkdir()
    for name in ("__init__", *MODULES):
        needs = imports.get(name, set())
        lines = [f"from . import {need}" if relative else f"import graph.{need}" for need in sorted(needs)]
        (package / f"{name}.py").write_text("\n".join([*lines, "x = 1", ""]))
    with on_path(root):
        before = Sources(root / "memory").code_of("graph.a")
        file = package / f"{changed}.py"
        file.write_text(file.read_text().replace("x = 1", "x = 2"))
        after = Sources(root / "memory").code_of("graph.a")
    assert (before != after) == (changed in reachable(imports))


@contextmanager
def on_path(*folders: Path) -> Iterator[None]:
    before = sys.path[:]
    sys.path[:0] = map(str, folders)
    try:
        yield
    finally:
        sys.path[:] = before


def test_the_trainers_digest_is_computed_without_importing_its_frameworks() -> None:
    code = (
        "import sys; from slipline.pipeline.core.source_code import Sources;"
        "print(*Sources().code_of('slipline.components.steps.train').frameworks);"
        "assert not {'tensorflow', 'keras', 'apache_beam'} & set(sys.modules), 'imported a framework'"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "tensorflow==" in printed
    assert "keras==" in printed


def test_what_others_installed_counts_by_version_slipline_too(project: Path) -> None:
    (project / "work.py").write_text("from slipline.components.steps import ingest\n")
    assert [name.partition("==")[0] for name in code_of(f"{project.name}.work").frameworks] == ["slipline"]
