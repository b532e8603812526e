"""Who may import whom: the contracts stand in pyproject.toml, and a linter of imports holds them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = ("tensorflow", "keras", "apache_beam", "tensorflow_datasets", "tensorflow_serving", "matplotlib")

OF_A_TRAINING = (
    *("arrays", "augmentation", "batches", "blame", "build", "fit", "keeping", "learning_rates", "preprocessing"),
    *("steps", "team", "tensorboard_log"),
)


def test_every_import_keeps_to_the_order_of_the_rooms() -> None:
    """Imports inside functions and under TYPE_CHECKING count, too."""
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"]
    linted = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert "0 broken" in linted.stdout


def test_heavy_frameworks_are_imported_inside_functions_only() -> None:
    """But where a step's own function imports the module first."""
    files = [file for package in ("pipeline", "components", "serving") for file in (ROOT / package).rglob("*.py")]
    assert len(files) > 300
    at_import = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in files
        if file not in {ROOT / "components" / "training" / f"{module}.py" for module in OF_A_TRAINING}
        for node in ast.parse(file.read_text("utf-8")).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [str(node.module)])
        if name.partition(".")[0] in HEAVY
    ]
    assert at_import == []


def test_no_command_loads_what_a_training_alone_needs() -> None:
    loaded = (
        "import sys; from pathlib import Path; from importlib import import_module\n"
        "for file in Path(sys.argv[1]).glob('*.py'): import_module(f'slipline.pipeline.app.cli.{file.stem}')\n"
        "import slipline.pipeline.app.training, slipline.components.training.worker_processes\n"
        f"print([name for name in {OF_A_TRAINING} if f'slipline.components.training.{{name}}' in sys.modules])"
    )
    command = [sys.executable, "-c", loaded, str(ROOT / "pipeline" / "app" / "cli")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
