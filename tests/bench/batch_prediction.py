"""The speed of batch prediction beside a plain loop: `python -m tests.bench.batch_prediction FOLDER [--processes N]`.

FOLDER is a version folder, such as `.slipline/releases/mnist/1`. Both predict the 70,000 digits of MNIST in batches of
256, in turn; times are without imports.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from slipline.components.batch_prediction.predict_files import predict_files
from slipline.components.batch_prediction.request import AskedRelease, BatchRequest
from slipline.components.beam.beam_options import BeamSettings
from slipline.components.files.tfrecord_files import batched, read_records
from slipline.serving.models.tensorflow.saved_model import SavedModel
from tests.small_mnist import MNIST

ROUNDS = 5
FILES = sorted(MNIST.glob("*.tfrecord*"))


def plain_loop(folder: Path) -> float:
    """Seconds that a loop takes which keeps nothing but the probabilities."""
    begin_s = time.perf_counter()
    model = SavedModel.load(folder)
    answers = [
        model.run({"examples": np.array(batch, object)}, "serving_examples", ("probabilities",))["probabilities"]
        for file in FILES
        for batch in batched(read_records(file), BatchRequest.batch_size)
    ]
    assert len(np.concatenate(answers)) == 70_000
    model.close()
    return time.perf_counter() - begin_s


def batch_prediction(folder: Path, processes: int) -> float:
    """Seconds that the same takes on Beam, files written."""
    with tempfile.TemporaryDirectory() as parent:
        request = BatchRequest(
            release=AskedRelease(model="mnist", version=1, digest="", folder=folder),
            inputs=tuple(map(str, FILES)),
            out=Path(parent) / "out",
            beam=BeamSettings(processes=processes),
        )
        begin_s = time.perf_counter()
        assert predict_files(request, lambda line: None).predicted == 70_000
        return time.perf_counter() - begin_s


def main() -> None:
    """Prints each pair, and the median ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--processes", type=int, default=0)
    asked = parser.parse_args()
    batch_prediction(asked.folder, asked.processes)  # imports
    ratios = []
    for _ in range(ROUNDS):
        plain_s, beam_s = plain_loop(asked.folder), batch_prediction(asked.folder, asked.processes)
        ratios.append(beam_s / plain_s)
        print(f"plain loop {plain_s:.2f} s, batch prediction {beam_s:.2f} s: {ratios[-1]:.2f} x", flush=True)
    print(f"batch prediction takes {statistics.median(ratios):.2f} x the time of the plain loop (median)")


if __name__ == "__main__":
    main()
