"""The default network in a plain Keras script over NumPy arrays in memory.

`python -m tests.bench.plain_keras EPOCHS SEED` prints the seconds inside `fit`, and accuracy and loss on the test
images.
"""

from __future__ import annotations

import json
import sys
import time

import keras
from keras import layers

from slipline.components.artifacts import Examples, Shard, Split
from slipline.components.examples.examples_io import read_split
from slipline.components.features.schema_io import example_spec
from tests.small_mnist import MNIST, MNIST_SCHEMA


def main(epochs: int, seed: int) -> None:
    keras.utils.set_random_seed(seed)
    examples, spec = digits_in_data(), example_spec(MNIST_SCHEMA)
    train, test = read_split(examples, "train", spec), read_split(examples, "test", spec)
    x, y = train.images.astype("float32") / 255, keras.utils.to_categorical(train.labels, 10)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    started = time.perf_counter()
    model.fit(x, y, epochs=epochs, batch_size=64, verbose=0)
    seconds = time.perf_counter() - started
    test_x, test_y = test.images.astype("float32") / 255, keras.utils.to_categorical(test.labels, 10)
    loss, accuracy = model.evaluate(test_x, test_y, verbose=0)
    print(json.dumps({"fit_s": seconds, "accuracy": accuracy, "loss": loss}))


def digits_in_data() -> Examples:
    """The digits in `data/`, as the step `ingest` would hand them on."""
    sizes = {"train": 60_000, "test": 10_000}
    splits = tuple(
        Split(name=name, shards=(Shard(file=f"mnist-{name}.tfrecord-00000-of-00001", records=records, source=name),))
        for name, records in sizes.items()
    )
    return Examples(path=MNIST, splits=splits)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
