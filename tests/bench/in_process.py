"""A version called in a loop, without any server: `python -m tests.bench.in_process FOLDER BATCH FORMAT THREADS PAUSE`.

Prints the median time of a call, in seconds. FORMAT is `saved_model` or `tflite`; THREADS is 0 for one per core; PAUSE
comes before each call, in seconds.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

from slipline.serving.models.model_loader import Preferences, load_model
from slipline.serving.models.tensorflow.native import Threads
from tests.bench.served_model import images

SECONDS = 3.0


def median_call_s(folder: Path, batch: int, preferences: Preferences, pause_s: float) -> float:
    """How long `run` takes for so many images, with a pause before each call."""
    model, sent = load_model(folder, preferences), {"images": images(batch)}
    for _ in range(20):
        model.run(sent)
    taken_s: list[float] = []
    end_s = time.perf_counter() + SECONDS
    while time.perf_counter() < end_s:
        if pause_s:
            time.sleep(pause_s)
        begin_s = time.perf_counter()
        model.run(sent)
        taken_s.append(time.perf_counter() - begin_s)
    return statistics.median(taken_s)


if __name__ == "__main__":
    _, version, batch, form, threads, pause_s = sys.argv
    chosen = Preferences(tflite=form == "tflite", threads=Threads(intra_op=int(threads)))
    print(median_call_s(Path(version), int(batch), chosen, float(pause_s)))
