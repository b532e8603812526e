"""The wheel, built by pip and installed without an index over the locked environment, used from an empty folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILT_FROM = (".src", "pyproject.toml", "README.md", "LICENSE", "pipeline", "components", "serving", "data/schema")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, as setuptools takes up what an earlier build left in the tree."""
    copy, target = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=shutil.ignore_patterns("*.egg-info"))
        else:
            shutil.copy2(ROOT / name, copy / name)
    flags = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", target)
    subprocess.run([sys.executable, "-m", "pip", "wheel", *flags, copy], check=True)
    (built,) = target.glob("slipline-*.whl")
    return built


@pytest.fixture(scope="session")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the wheel is installed; it comes before the checkout on the path."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", target, wheel]
    subprocess.run(command, check=True)
    return target


def slipline(site: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site), "SLIPLINE_HOME": str(cwd / "home")}
    command = [sys.executable, site / "bin" / "slipline", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_wheel_brings_one_import_name_and_its_types(wheel: Path) -> None:
    names = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"slipline"}
    assert "slipline/py.typed" in zipfile.ZipFile(wheel).namelist()


def test_wheel_has_every_file_of_the_packages_but_guides_and_what_only_builds_use(wheel: Path) -> None:
    """A template or a page left out is seen by a user only."""
    tracked = subprocess.run(
        ["git", "ls-files", "pipeline", "components", "serving"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = [name for name in tracked.stdout.splitlines() if "/bundle/" not in name]
    wanted = {f"slipline/{name}" for name in files if not name.endswith("README.md")}
    assert wanted - set(zipfile.ZipFile(wheel).namelist()) == set()


def test_default_job_says_in_one_line_what_data_it_wants(site: Path, tmp_path: Path) -> None:
    ran = slipline(site, "run", "--until", "ingest", cwd=tmp_path)
    assert ran.returncode == 1
    assert "Traceback" not in ran.stdout + ran.stderr
    line = next(line for line in ran.stdout.splitlines() if "mnist:3.0.1" in line)
    assert "data set 'mnist:3.0.1' is not in data" in line


def test_default_job_runs_from_a_folder_with_files_of_our_packages_names(site: Path, tmp_path: Path) -> None:
    for name in ("pipeline", "components", "serving"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise ImportError('the {name} of a person')")
    for name in ("serving", "grpc", "numpy", "click"):
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('the {name}.py of a person')")
    settings = ("--set", f"ingest.data_dir={ROOT / 'data'}", "--set", "train.epochs=1")
    ran = slipline(site, "run", "test", *settings, "--json", cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    outcome = json.loads(ran.stdout)
    assert outcome["passed"]
    assert outcome["release"]["version"] == 1
