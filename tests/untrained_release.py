"""A release of the digit network as it is before any training: its answers are real, if not right."""

from __future__ import annotations

from pathlib import Path

from slipline.components.artifacts import TrainedModel
from slipline.components.steps.export import ExportParams, export
from slipline.components.training.network import digits
from slipline.serving.releases.ledger import Ledger
from slipline.serving.releases.store.records import ReleaseRow
from tests.small_mnist import MNIST_SCHEMA


def release_untrained(home: Path) -> ReleaseRow:
    """Releases version 1 of the model `digits` in `home`, and makes it live; imports TensorFlow."""
    import keras

    keras.utils.set_random_seed(1)
    trained, exported = home / "trained", home / "exported"
    for folder in (trained, exported):
        folder.mkdir(parents=True)
    model = TrainedModel(path=trained, records=0, parameters=0, loss=0.0, accuracy=0.0)
    digits((28, 28, 1), 10).save(model.keras_path)
    export(model, MNIST_SCHEMA, ExportParams(), exported)
    with Ledger(None, home / "releases") as ledger:
        release = ledger.publish("digits", exported, by="ada", origin="execution")
        return ledger.promote("digits", release.version, by="ada", reason="first")
