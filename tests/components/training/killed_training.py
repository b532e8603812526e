"""Trains in a process of its own that kills itself, for good, at a stated moment.

`python -m tests.components.training.killed_training FOLDER EVENT TEXT`, where EVENT is `say` or one of Python's audit
events, such as `os.rename`, and TEXT is in its line or in its first argument.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from slipline.components.artifacts import Examples, Shard, Split, TrainedModel
from slipline.components.steps.train import TrainParams, train
from slipline.components.training.train_settings import AugmentParams
from tests.small_mnist import MNIST_SCHEMA

EVERYTHING = TrainParams(
    network="tests.components.training_parts:own_layer",
    validation_fraction=0.2,
    epochs=5,
    batch_size=32,
    optimizer="rmsprop",
    momentum=0.5,
    weight_decay=0.001,
    clip_norm=1.0,
    schedule="cosine",
    warmup_epochs=1.0,
    stop_after_epochs=1,
    min_improvement=0.1,
    keep_every_steps=5,
    seed=7,
    augment=AugmentParams(shift_pixels=2.0, rotate_degrees=10.0, zoom=0.1, noise=0.05),
)
RECORDS = 400


def fit(data: Path, folder: Path, say: object = print) -> TrainedModel:
    """Trains on the records in `data`, with everything that can be set."""
    shard = Shard(file="train/digits.tfrecord", records=RECORDS, source="train.tfrecord")
    examples = Examples(path=data, splits=(Split(name="train", shards=(shard,)),))
    out, scratch = folder / "out", folder / "scratch"
    out.mkdir(parents=True, exist_ok=True)
    scratch.mkdir(exist_ok=True)
    return train(examples, MNIST_SCHEMA, EVERYTHING, out, scratch, say)  # type: ignore[arg-type]


def main(data: Path, folder: Path, event: str, text: str) -> None:
    def end(name: str, arguments: tuple[object, ...]) -> None:
        if name == event and text in str(arguments[0]):
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(end)
    fit(data, folder, lambda line: end("say", (line,)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4])
