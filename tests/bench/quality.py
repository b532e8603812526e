"""What the default job reaches with five seeds: `python -m tests.bench.quality`, about 6 minutes on 2 cores."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from slipline.components.artifacts import Evaluation
from slipline.pipeline.store.store import Store
from tests.bench.slipline_run import slipline
from tests.latest import latest

SEEDS = (1, 2, 3, 4, 5)
LEAST_ACCURACY = 0.9892
MOST_LOSS = 0.0319


def main() -> None:
    """Runs the whole job for each seed and prints accuracy and loss on the 10,000 test images."""
    results = []
    with tempfile.TemporaryDirectory() as home:
        for seed in SEEDS:
            slipline(Path(home), "run", f"--set=train.seed={seed}", "--set=evaluate.max_accuracy_drop=1.0")
            with Store.open(Path(home)) as store:
                evaluation = latest(store, Evaluation)
            assert evaluation is not None
            results.append(evaluation.overall)
            print(
                f"seed {seed}: accuracy {evaluation.overall.accuracy:.4f}, loss {evaluation.overall.log_loss:.4f}",
                flush=True,
            )
    accuracy = statistics.median(result.accuracy for result in results)
    loss = statistics.median(result.log_loss for result in results)
    print(f"median: accuracy {accuracy:.4f} (wanted {LEAST_ACCURACY}), loss {loss:.4f} (wanted {MOST_LOSS})")


if __name__ == "__main__":
    main()
