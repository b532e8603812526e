"""Versions of the default network to serve, each with `model.tflite`: `python -m tests.bench.digit_models FOLDER 1 2`.

The weights are those that the network begins with; they take as long to compute with as trained ones.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.small_mnist import ROOT

SCHEMA = ROOT / "data" / "schema" / "mnist.pbtxt"
IMAGE = (28, 28, 1)


def write_versions(folder: Path, versions: list[int]) -> None:
    """Makes `folder/VERSION` for each; takes seconds, as TensorFlow is imported."""
    import keras
    import tensorflow as tf

    from slipline.components.artifacts import Schema, TrainedModel
    from slipline.components.steps.export import ExportParams, export
    from slipline.components.training.network import digits

    for version in versions:
        keras.utils.set_random_seed(version)
        network = digits(IMAGE, 10)
        trained = TrainedModel(path=folder / f"trained-{version}", records=0, parameters=0, loss=0.0, accuracy=0.0)
        trained.path.mkdir(parents=True)
        network.save(trained.keras_path)
        out = folder / str(version)
        out.mkdir()
        export(trained, Schema(path=SCHEMA), ExportParams(), out)
        # The other signatures decode images, which TFLite cannot.
        converted = tf.lite.TFLiteConverter.from_saved_model(str(out), signature_keys=["serving_default"]).convert()
        (out / "model.tflite").write_bytes(converted)


if __name__ == "__main__":
    write_versions(Path(sys.argv[1]), [int(number) for number in sys.argv[2:]])
