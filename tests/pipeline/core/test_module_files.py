import sys
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from pathlib import Path

import pytest

from slipline.pipeline.core.module_files import ModuleFile, ModuleFiles


@pytest.fixture
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two folders, the first on the path before the second."""
    first, second = tmp_path / "first", tmp_path / "second"
    for root in (second, first):
        root.mkdir()
        monkeypatch.syspath_prepend(root)
    return first, second


def touch(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def test_a_package_and_its_modules_lie_where_python_finds_them(roots: tuple[Path, Path]) -> None:
    first, second = roots
    touch(
        second / "whole" / "__init__.py", second / "whole" / "part.py", second / "alone.py", first / "whole" / "no.txt"
    )
    files = ModuleFiles()
    folder = second / "whole"
    assert files.find("whole") == ModuleFile(str(second), str(folder / "__init__.py"), (str(folder),))
    assert files.find("whole.part") == ModuleFile(str(second), str(folder / "part.py"))
    assert files.find("alone") == ModuleFile(str(second), str(second / "alone.py"))
    for missing in ("whole.no", "whole.part.x", "alone.x", "nowhere", "nowhere.x"):
        assert files.find(missing) is None


def test_folders_without_init_are_one_package_over_the_whole_path(roots: tuple[Path, Path]) -> None:
    first, second = roots
    touch(first / "space" / "one.py", second / "space" / "two" / "__init__.py", second / "space" / "deep" / "three.py")
    (first / "empty").mkdir()
    files = ModuleFiles()
    assert files.find("space") == ModuleFile("", None, (str(first / "space"), str(second / "space")))
    one, two, three = (files.find(f"space.{name}") for name in ("one", "two", "deep.three"))
    assert one is not None
    assert two is not None
    assert three is not None
    assert (one.entry, two.entry, three.entry) == (str(first), str(second), str(second))
    assert files.find("empty") is None


def test_a_package_goes_before_a_module_and_what_is_compiled_before_a_source(roots: tuple[Path, Path]) -> None:
    first, _ = roots
    compiled = first / f"fast{EXTENSION_SUFFIXES[0]}"
    touch(first / "twice.py", first / "twice" / "__init__.py", compiled, first / "fast.py")
    for name, file in (("twice", first / "twice" / "__init__.py"), ("fast", compiled)):
        found = ModuleFiles().find(name)
        assert found is not None
        assert found.file == str(file)


def test_the_standard_library_is_nowhere(roots: tuple[Path, Path]) -> None:
    for name in ("json", "json.decoder", "os", "sys", "_socket", "builtins", "math"):
        assert ModuleFiles().find(name) is None, name


class Finder:
    """Finds what an installed link leads to."""

    def __init__(self, spec: ModuleSpec | None, error: Exception | None = None) -> None:
        self.spec, self.error = spec, error

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> ModuleSpec | None:
        if self.error:
            raise self.error
        return self.spec if self.spec and name == self.spec.name else None


def test_a_link_that_a_finder_knows_of_is_followed_and_a_broken_finder_passed_over(
    roots: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = roots
    place = tmp_path / "copy" / "named_otherwise"
    touch(place / "__init__.py", place / "part.py", first / "space" / "one.py")
    package = ModuleSpec("linked", None, origin=str(place / "__init__.py"), is_package=True)
    package.has_location = True
    package.submodule_search_locations = [str(place)]
    inside = ModuleSpec("space.linked", None, origin=str(place / "part.py"))
    inside.has_location = True
    unknown = ModuleSpec("unknown", None)
    finders = [Finder(None, KeyError("x")), *(Finder(spec) for spec in (package, inside, unknown))]
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, *finders])
    files = ModuleFiles()
    assert files.find("linked") == ModuleFile("", str(place / "__init__.py"), (str(place),))
    assert files.find("linked.part") == ModuleFile(str(place), str(place / "part.py"))
    assert files.find("space.linked") == ModuleFile("", str(place / "part.py"))
    assert files.find("unknown") is None
