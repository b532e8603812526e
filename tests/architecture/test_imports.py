"""Who may import whom. Every import counts, those inside functions and under TYPE_CHECKING too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("pipeline", "components", "serving")
FILES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))

CORE_ORDER = (
    "slipline.pipeline.core.errors",
    "slipline.pipeline.core.artifact",
    "slipline.pipeline.core.component",
    "slipline.pipeline.core.graph",
    "slipline.pipeline.core.source_code",
    "slipline.pipeline.core.fingerprint",
    "slipline.pipeline.store",
    "slipline.pipeline.runners.execute",
    "slipline.pipeline.runners",
    "slipline.pipeline.app",
)
COMPONENTS_MAY_USE = ("slipline.pipeline.core.artifact", "slipline.pipeline.core.component")
TENSORFLOW_OR_BEAM = ("tensorflow", "keras", "apache_beam", "tensorflow_datasets", "tensorflow_serving")


def name_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def in_package(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def breaches(importing: str, *forbidden: str, allowed: tuple[str, ...] = ()) -> list[str]:
    return [
        f"{name_of(file)} imports {imported}"
        for file in FILES
        if in_package(name_of(file), importing)
        for imported in imports_of(file)
        if any(in_package(imported, package) for package in forbidden)
        and not any(in_package(imported, package) for package in allowed)
    ]


def test_serving_imports_nothing_else_of_ours() -> None:
    assert breaches("serving", "pipeline", "components", "tests") == []


def test_serving_never_imports_tensorflow() -> None:
    assert breaches("serving", *TENSORFLOW_OR_BEAM) == []


def test_components_know_of_the_pipeline_only_what_an_artifact_and_a_component_are() -> None:
    assert breaches("components", "pipeline", "tests", allowed=COMPONENTS_MAY_USE) == []


@pytest.mark.parametrize("module", CORE_ORDER[:-1])
def test_the_core_imports_neither_components_nor_serving_nor_a_framework(module: str) -> None:
    assert breaches(module, "components", "serving", "tests", *TENSORFLOW_OR_BEAM) == []


@pytest.mark.parametrize("module", CORE_ORDER)
def test_inside_the_pipeline_imports_go_down_only(module: str) -> None:
    above = CORE_ORDER[CORE_ORDER.index(module) + 1 :]
    assert breaches(module, *above) == []


def test_every_module_of_the_pipeline_has_its_place_in_the_order() -> None:
    placed = [file for file in FILES if any(in_package(name_of(file), module) for module in CORE_ORDER)]
    unplaced = [name_of(file) for file in FILES if in_package(name_of(file), "pipeline") and file not in placed]
    assert unplaced == ["pipeline"]


def test_heavy_frameworks_are_imported_inside_functions_only() -> None:
    heavy = (*TENSORFLOW_OR_BEAM, "matplotlib")
    at_import = [
        f"{name_of(file)} imports {name}"
        for file in FILES
        for node in ast.parse(file.read_text("utf-8")).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [str(node.module)])
        if any(in_package(name, package) for package in heavy)
    ]
    assert at_import == []
