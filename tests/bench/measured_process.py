"""A command in a process of its own, measured from outside."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.small_mnist import ROOT

SAMPLE_EVERY_S = 0.2


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One command.

    Attributes:
      seconds: Wall time, process start and end included.
      cpu_s: Time on all cores together, of processes that were waited for; steadier on a busy machine.
      peak_bytes: Most memory its processes held together, as resident set sizes: a page they share counts in each.
      printed: What it wrote to its output.
    """

    seconds: float
    cpu_s: float
    peak_bytes: int
    printed: str


def run_measured(
    command: Sequence[str | Path], environment: Mapping[str, str] | None = None, folder: Path = ROOT
) -> Measured:
    """Runs a command in `folder`, the repository's root by default, and measures it; ends the benchmark if it fails."""
    started, cpu_before_s = time.perf_counter(), _cpu_s()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    memory = _Memory(process.pid)
    memory.start()
    printed, said = process.communicate()
    seconds = time.perf_counter() - started
    memory.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} ended with status {process.returncode}:\n{printed}{said}")
    cpu_s = _cpu_s() - cpu_before_s
    return Measured(seconds=seconds, cpu_s=cpu_s, peak_bytes=memory.peak_bytes, printed=printed)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


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
