"""One `slipline run` in a process and a home of its own, measured from outside."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from tests.small_mnist import ROOT

SLIPLINE = (sys.executable, "-c", "from pipeline.app.cli.main import main; main(prog_name='slipline')")
SAMPLE_EVERY_S = 0.2


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One command.

    Attributes:
      seconds: Wall time, process start and end included.
      peak_bytes: Most memory its processes held together, as resident set sizes: a page they share counts in each.
    """

    seconds: float
    peak_bytes: int


def slipline(home: Path, *arguments: str) -> Measured:
    """Runs `slipline` and measures it; raises if it fails."""
    environment = {**os.environ, "SLIPLINE_HOME": str(home)}
    started = time.perf_counter()
    process = subprocess.Popen([*SLIPLINE, *arguments], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    memory = _Memory(process.pid)
    memory.start()
    status = process.wait()
    seconds = time.perf_counter() - started
    memory.join()
    if status:
        raise SystemExit(f"slipline {' '.join(arguments)} ended with status {status}")
    return Measured(seconds=seconds, peak_bytes=memory.peak_bytes)


def fit_seconds(home: Path) -> float:
    """The time inside `fit` of the one training in `home`."""
    (history,) = home.glob("runs/train/*/history.json")
    return sum(float(epoch["seconds"]) for epoch in json.loads(history.read_text()))


class _Memory(threading.Thread):
    """Samples the memory of a process and of all it started, until it ends."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self.peak_bytes = 0

    def run(self) -> None:
        while (now := sum(map(_resident_bytes, _family(self._pid)))) > 0:
            self.peak_bytes = max(self.peak_bytes, now)
            time.sleep(SAMPLE_EVERY_S)


def _family(pid: int) -> list[int]:
    try:
        children = {child for task in Path(f"/proc/{pid}/task").iterdir() for child in _children(task)}
    except OSError:
        return []
    return [pid, *(member for child in children for member in _family(int(child)))]


def _children(task: Path) -> list[str]:
    try:
        return (task / "children").read_text().split()
    except OSError:
        return []


def _resident_bytes(pid: int) -> int:
    # Cheap to read, unlike proportional sizes: sampling those slows a training down by a tenth.
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return 0
