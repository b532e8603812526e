"""Who may import whom: the contracts stand in pyproject.toml, and a linter of imports holds them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = ("tensorflow", "keras", "apache_beam", "tensorflow_datasets", "tensorflow_serving", "matplotlib")


def test_every_import_keeps_to_the_order_of_the_rooms() -> None:
    """Imports inside functions and under TYPE_CHECKING count, too."""
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"]
    linted = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert "0 broken" in linted.stdout


def test_heavy_frameworks_are_imported_inside_functions_only() -> None:
    files = [file for package in ("pipeline", "components", "serving") for file in (ROOT / package).rglob("*.py")]
    assert len(files) > 300
    at_import = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in files
        for node in ast.parse(file.read_text("utf-8")).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [str(node.module)])
        if name.partition(".")[0] in HEAVY
    ]
    assert at_import == []
