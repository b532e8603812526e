"""The speed of the main job, as ratios measured in one run: `python -m tests.bench.speed`, 4 minutes on 2 cores."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.slipline_run import fit_seconds, slipline
from tests.small_mnist import ROOT

PAIRS = 3
EPOCHS = 2
REPEATS = 5
GIB = 2**30


def main() -> None:
    """Interleaves whole runs with the plain script, then times reruns and help."""
    ratios, overheads, peaks = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for pair in range(PAIRS):
            home = Path(folder) / str(pair)
            plain_s = _plain_fit_seconds(seed=pair + 1)
            whole = slipline(home, "run", f"--set=train.epochs={EPOCHS}", f"--set=train.seed={pair + 1}")
            fit_s = fit_seconds(home)
            ratios.append(fit_s / plain_s)
            overheads.append(whole.seconds - fit_s)
            peaks.append(whole.peak_bytes)
            print(
                f"pair {pair + 1}: fit {fit_s:.1f} s against {plain_s:.1f} s plain ({ratios[-1]:.2f} x), whole run "
                f"{whole.seconds:.1f} s, so {overheads[-1]:.1f} s beside fit, peak {whole.peak_bytes / GIB:.2f} GiB",
                flush=True,
            )
        reruns = [
            slipline(home, "run", f"--set=train.epochs={EPOCHS}", f"--set=train.seed={PAIRS}").seconds
            for _ in range(REPEATS)
        ]
        helps = [slipline(home, "--help").seconds for _ in range(REPEATS)]
    print(f"fit, against plain Keras over arrays, median of {PAIRS} pairs: {statistics.median(ratios):.2f} x its time")
    print(f"first run beside fit, median: {statistics.median(overheads):.1f} s")
    print(f"rerun, all cached, median of {REPEATS}: {statistics.median(reruns):.2f} s")
    print(f"slipline --help, median of {REPEATS}: {statistics.median(helps):.2f} s")
    print(f"peak memory of all processes: {max(peaks) / GIB:.2f} GiB")


def _plain_fit_seconds(seed: int) -> float:
    command = [sys.executable, "-m", "tests.bench.plain_keras", str(EPOCHS), str(seed)]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return float(json.loads(printed.splitlines()[-1])["fit_s"])


if __name__ == "__main__":
    main()
