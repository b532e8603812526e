"""The speed of ingest, statistics and validation, as ratios measured in one run.

`python -m tests.bench.data_plane [TIMES ...]`: how many times the 70,000 digits of MNIST are taken besides once; 10 and
100 if nothing is said, which takes about 25 minutes and 6 GB in the folder for temporary files on 2 cores.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from PIL import Image

from slipline.components.examples.example_records import parse_example
from slipline.components.files.tfrecord_files import read_records
from tests.bench.measured_process import run_measured
from tests.bench.shifted_digits import write_shifted
from tests.small_mnist import MNIST

REPEATS = 3
GB = 1e9


@dataclass(frozen=True, kw_only=True)
class Run:
    """The three steps over one folder.

    Attributes:
      steps: Seconds in the three steps.
      whole: Seconds from process start to end.
      peak_bytes: Most memory of all processes together.
    """

    steps: float
    whole: float
    peak_bytes: int


def main() -> None:
    """Times MNIST against a plain loop, then its multiples against each other."""
    times = [int(argument) for argument in sys.argv[1:]] or [10, 100]
    with tempfile.TemporaryDirectory() as folder:
        _against_a_plain_loop(Path(folder))
        before: tuple[int, Run] | None = None
        for count in times:
            source = Path(folder) / f"digits-{count}"
            records = write_shifted(source, count)
            run = _several_processes(source, Path(folder), records, with_one=count <= 10)
            if before is not None:
                growth, data = run.steps / before[1].steps, count / before[0]
                print(f"{data:g} x the data: {growth:.2f} x the time", flush=True)
            before = count, run
            rmtree(source)


def _against_a_plain_loop(folder: Path) -> None:
    runs = []
    for _ in range(REPEATS):
        plain_s = _plain_loop_seconds()
        run = _run("-", folder, processes=1)
        runs.append((run, run.steps / plain_s))
        print(
            f"70,000 images: {run.steps:.2f} s in the three steps, {run.whole:.2f} s the whole process, "
            f"{run.steps / plain_s:.2f} x a plain loop that decodes each image once ({plain_s:.2f} s)",
            flush=True,
        )
    print(
        f"median: {statistics.median(run.steps for run, _ in runs):.2f} s in the steps, "
        f"{statistics.median(run.whole for run, _ in runs):.2f} s the whole process, "
        f"{statistics.median(ratio for _, ratio in runs):.2f} x the plain loop"
    )


def _plain_loop_seconds() -> float:
    started = time.perf_counter()
    for file in sorted(MNIST.glob("*.tfrecord-*")):
        for record in read_records(file):
            example = parse_example(record)
            assert example is not None
            Image.open(io.BytesIO(example.features.feature["image"].bytes_list.value[0])).load()
    return time.perf_counter() - started


def _several_processes(source: Path, folder: Path, records: int, *, with_one: bool) -> Run:
    """The run with the settings' own number of processes, after one with a single process if that is wanted."""
    alone = _run(str(source), folder, processes=1) if with_one else None
    if alone:
        print(f"{records:,} images: {alone.steps:.1f} s with 1 process, {alone.peak_bytes / GB:.2f} GB", flush=True)
    run = _run(str(source), folder, processes=0)
    cores = len(os.sched_getaffinity(0))
    faster = f", {alone.steps / run.steps:.2f} x as fast as 1" if alone else ""
    print(
        f"{records:,} images: {run.steps:.1f} s with the default ({cores} processes){faster}, "
        f"{run.peak_bytes / GB:.2f} GB",
        flush=True,
    )
    return run


def _run(source: str, folder: Path, *, processes: int) -> Run:
    with tempfile.TemporaryDirectory(dir=folder) as out:
        command = [sys.executable, "-m", "tests.bench.data_plane_run", source, out, str(processes)]
        measured = run_measured(command)
    told = json.loads(measured.printed.splitlines()[-1])
    assert not told["tensorflow"], "a step imported TensorFlow"
    steps = sum(seconds for step, seconds in told["seconds"].items() if step != "import")
    return Run(steps=steps, whole=measured.seconds, peak_bytes=measured.peak_bytes)


if __name__ == "__main__":
    main()
