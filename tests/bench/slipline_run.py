"""One `slipline run` in a process and a home of its own, measured from outside."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.bench.measured_process import Measured, run_measured

SLIPLINE = (sys.executable, "-c", "from slipline.pipeline.app.cli.main import main; main(prog_name='slipline')")


def slipline(home: Path, *arguments: str) -> Measured:
    """Runs `slipline` and measures it; ends the benchmark if it fails."""
    return run_measured([*SLIPLINE, *arguments], {"SLIPLINE_HOME": str(home)})


def fit_seconds(home: Path) -> float:
    """The time inside `fit` of the one training in `home`."""
    (history,) = home.glob("runs/train/*/history.json")
    return sum(float(epoch["seconds"]) for epoch in json.loads(history.read_text()))
