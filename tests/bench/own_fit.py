"""The step `train` alone, on the digits in `data/`: `python -m tests.bench.own_fit EPOCHS SEED [KEY=VALUE ...]`.

Prints, as JSON, the seconds that it counts itself, and accuracy and loss on the test images. KEY is a setting of
`[train]`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from slipline.components.examples.examples_io import read_split
from slipline.components.features.schema_io import example_spec
from slipline.components.steps.train import train
from slipline.pipeline.app.settings.training_settings import load_settings
from tests.bench.plain_keras import digits_in_data
from tests.small_mnist import MNIST_SCHEMA


def main(epochs: int, seed: int, overrides: list[str]) -> None:
    settings = load_settings(overrides=[f"train.{each}" for each in (f"epochs={epochs}", f"seed={seed}", *overrides)])
    examples = digits_in_data()
    with tempfile.TemporaryDirectory() as folder:
        out, scratch = Path(folder, "out"), Path(folder, "scratch")
        out.mkdir()
        scratch.mkdir()
        train(examples, MNIST_SCHEMA, settings.train, out, scratch, lambda text: None)
        history = json.loads((out / "history.json").read_text())
        import keras

        model = keras.models.load_model(out / "model.keras")
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    test = read_split(examples, "test", example_spec(MNIST_SCHEMA))
    loss, accuracy = model.evaluate(test.images.astype("float32") / 255, test.labels, verbose=0)
    print(json.dumps({"fit_s": sum(epoch["seconds"] for epoch in history), "accuracy": accuracy, "loss": loss}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
