"""Ingest, statistics and validation of one folder, in this process: prints the seconds of each as JSON.

`python -m tests.bench.data_plane_run FOLDER OUT PROCESSES`; for MNIST as it comes, FOLDER is `-`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def main() -> None:
    """Runs the three steps one after the other."""
    started = time.perf_counter()
    import apache_beam  # noqa: F401 (timed here, apart from the steps)

    from slipline.components.artifacts import Baseline
    from slipline.components.beam.beam_options import BeamSettings
    from slipline.components.steps.compute_statistics import compute_statistics
    from slipline.components.steps.ingest import IngestParams, ingest
    from slipline.components.steps.validate import validate
    from slipline.components.validation.validate_settings import ValidateParams
    from tests.small_mnist import MNIST_SCHEMA, ROOT

    folder, out, processes = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    seconds = {"import": time.perf_counter() - started}
    beam = BeamSettings(processes=processes)
    source = IngestParams(data_dir=ROOT / "data") if folder == "-" else IngestParams(folder=folder)
    folders = {step: out / step for step in ("ingest", "compute_statistics", "validate")}
    for each in folders.values():
        each.mkdir(parents=True)

    def timed(step: str, call: Callable[[Path], T]) -> T:
        before = time.perf_counter()
        made = call(folders[step])
        seconds[step] = time.perf_counter() - before
        return made

    examples = timed("ingest", lambda out: ingest(source, beam, out, lambda line: None))
    statistics = timed("compute_statistics", lambda out: compute_statistics(examples, beam, out))
    baseline = Baseline(path=out)
    verdict = timed(
        "validate",
        lambda out: validate(examples, statistics, baseline, MNIST_SCHEMA, ValidateParams(), beam, out),
    )
    if not verdict.passed or verdict.records != examples.records:
        raise SystemExit("\n".join(verdict.reasons))
    print(json.dumps({"records": examples.records, "seconds": seconds, "tensorflow": "tensorflow" in sys.modules}))


if __name__ == "__main__":
    main()
