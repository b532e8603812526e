"""The faces `slipline.pipeline` and `slipline.components`: complete, documented, lazy, and typed."""

from __future__ import annotations

import ast
import inspect
import json
import pkgutil
import subprocess
import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

import slipline.components
import slipline.pipeline
from slipline.pipeline.core.component import Component
from slipline.pipeline.core.imports import Imports, imported_names
from slipline.pipeline.core.public_names import lazy_names

FACES = (slipline.pipeline, slipline.components)
NAMES = [(face, name) for face in FACES for name in face.__all__]
IMPORT_LIMIT_S = 0.3

USER_SCRIPT = """
from dataclasses import dataclass
from pathlib import Path

from slipline.components import Examples, IngestParams, ingest
from slipline.pipeline import Pipeline, Verdict, component, params


@params
class Wanted:
    records: int = 100


@dataclass(frozen=True, kw_only=True)
class Enough(Verdict):
    records: int


@component
def check_enough(examples: Examples, params: Wanted, out: Path) -> Enough:
    return Enough(path=out, passed=examples.records >= params.records, records=examples.records)


flow = Pipeline("mine")
examples = flow.add(ingest, params=IngestParams(folder="data"))
flow.add(check_enough, examples=examples, params=Wanted())
enough: Enough = check_enough(Examples(path=Path(), splits=()), Wanted(records=3), Path())
"""


def stated_for_type_checkers(face: ModuleType) -> dict[str, str]:
    """Of each name imported under TYPE_CHECKING as itself, its module."""
    (block,) = (
        node
        for node in ast.parse(inspect.getsource(face)).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    assert len(imports) == len(block.body)
    return {alias.name: str(node.module) for node in imports for alias in node.names if alias.asname == alias.name}


def docstring(owner: ModuleType, name: str) -> str | None:
    """What its author wrote of a name, of a constant the text below it."""
    found = getattr(owner, name)
    if isinstance(found, Component):
        return found.function.__doc__
    if isinstance(found, type):
        written = vars(found).get("__doc__")
        return None if written is None or written.startswith(f"{name}(") else written  # as dataclasses fill it in
    if inspect.isfunction(found):
        return found.__doc__
    body = ast.parse(inspect.getsource(owner)).body
    for node, below in pairwise(body):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", node)]
        if name in map(ast.unparse, targets) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            return str(below.value.value)
    return None


@pytest.mark.parametrize(("face", "name"), NAMES, ids=[f"{face.__name__}.{name}" for face, name in NAMES])
def test_public_name_is_its_modules_own_object_and_says_what_it_is(face: ModuleType, name: str) -> None:
    module = import_module(stated_for_type_checkers(face)[name])
    found = getattr(face, name)
    assert found is getattr(module, name)
    if isinstance(found, type) or inspect.isfunction(found):
        assert found.__module__ == module.__name__
    assert docstring(module, name)


@pytest.mark.parametrize("face", FACES)
def test_type_checkers_see_the_names_there_are_and_dir_lists_them(face: ModuleType) -> None:
    assert sorted(stated_for_type_checkers(face)) == face.__all__ == dir(face)
    assert len(set(face.__all__)) == len(face.__all__) > 10


def test_a_face_makes_no_component_depend_on_another() -> None:
    """The packages around a component's module are in its cache key, with all that they import."""
    for face in FACES:
        imports = Imports().of(inspect.getsource(face).encode())[1]
        assert {name for name in imported_names(face.__name__, True, imports) if name.startswith("slipline")} == {
            "slipline.pipeline.core.public_names",
            "slipline.pipeline.core.public_names.lazy_names",
        }


@pytest.mark.parametrize("face", FACES)
def test_no_public_name_is_that_of_a_module_beside_it(face: ModuleType) -> None:
    """Else importing the module would put it in the name's place."""
    assert not {found.name for found in pkgutil.iter_modules(face.__path__)} & set(face.__all__)


def test_a_star_import_brings_exactly_the_public_names() -> None:
    for face in FACES:
        brought: dict[str, object] = {}
        exec(f"from {face.__name__} import *", brought)
        assert sorted(name for name in brought if name != "__builtins__") == face.__all__


@pytest.mark.parametrize("face", FACES)
def test_a_name_that_is_not_public_is_an_attribute_error_that_names_it(face: ModuleType) -> None:
    with pytest.raises(AttributeError, match=rf"module '{face.__name__}' has no attribute 'Pipelin'"):
        face.Pipelin  # noqa: B018


def test_a_lazy_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "__init__.py"
    file.write_text("if TYPE_CHECKING:\n    from made_up.inner import __name__ as __name__\n")
    package = ModuleType("made_up")
    monkeypatch.setitem(sys.modules, "made_up", package)
    monkeypatch.setitem(sys.modules, "made_up.inner", ModuleType("made_up.inner"))
    get, names = lazy_names("made_up", str(file))
    assert (names, get("__name__")) == (["__name__"], "made_up.inner")
    assert package.__name__ == "made_up.inner"


def imported(code: str) -> dict[str, object]:
    """What importing costs in a process of its own: seconds of its processor time, and the modules it brought."""
    measured = (
        "import sys, time, json; began = time.process_time()\n"
        f"{code}\n"
        "print(json.dumps({'seconds': time.process_time() - began, 'modules': sorted(sys.modules)}))"
    )
    done = subprocess.run([sys.executable, "-c", measured], capture_output=True, text=True, check=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("face", FACES)
def test_a_face_is_imported_in_no_time_and_brings_nothing_of_others_along(face: ModuleType) -> None:
    found = imported(f"import {face.__name__}")
    assert isinstance(found["seconds"], float)
    assert found["seconds"] < IMPORT_LIMIT_S
    assert isinstance(found["modules"], list)
    assert not {"numpy", "sqlalchemy", "pydantic", "google.protobuf"} & set(found["modules"])


def test_no_public_name_brings_a_framework_along() -> None:
    found = imported("from slipline.pipeline import *; from slipline.components import *")
    assert isinstance(found["modules"], list)
    assert not {"tensorflow", "keras", "apache_beam", "tensorflow_datasets", "matplotlib"} & set(found["modules"])


def mypy(script: str, folder: Path) -> str:
    (folder / "script.py").write_text(script)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-incremental", "script.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


@pytest.mark.slow
def test_a_persons_script_is_typed_and_a_name_misspelt_in_it_is_found(tmp_path: Path) -> None:
    assert "Success" in mypy(USER_SCRIPT, tmp_path)
    told = mypy(
        USER_SCRIPT.replace("Verdict, component", "Verdit, component").replace("records=3", "recrods=3"), tmp_path
    )
    assert '"slipline.pipeline" has no attribute "Verdit"' in told
    assert '"recrods"' in told
