"""The committed bundle is what the build makes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from slipline.serving.server.demo.site import STATIC

pytestmark = pytest.mark.slow

BUNDLE = STATIC.with_name("bundle")


def test_the_committed_bundle_is_what_npm_and_esbuild_make(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("wants Node and npm")
    work = shutil.copytree(BUNDLE, tmp_path / "bundle", ignore=shutil.ignore_patterns("node_modules"))
    installed = subprocess.run([npm, "ci", "--ignore-scripts"], cwd=work, capture_output=True, text=True, check=False)
    if installed.returncode:
        pytest.skip(f"the npm registry cannot be reached: {installed.stderr[-500:]}")
    subprocess.run([npm, "run", "build", "--", f"--outfile={tmp_path / 'tfjs.js'}"], cwd=work, check=True)
    for name in ("tfjs.js", "tfjs.js.LEGAL.txt"):
        assert (tmp_path / name).read_bytes() == (STATIC / name).read_bytes(), f"{name} differs; run `make demo`"
