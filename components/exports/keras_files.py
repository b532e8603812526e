"""Keras' own files: the whole model with its optimizer's state, so that training can go on from it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from slipline.components.exports.source import ExportSource, Images, Predict, Probabilities


def write_keras(source: ExportSource, file: Path) -> None:
    """Keras 3's `.keras`: the very file that training wrote."""
    shutil.copy2(source.keras_path, file)


def write_h5(source: ExportSource, file: Path) -> None:
    """HDF5, as Keras has always written it, for older programs.

    It holds the optimizer's state, but `keras.models.load_model` of Keras 3.15 builds the optimizer without the layers'
    variables, and so cannot go on: load it with `compile=False`, compile, and assign `optimizer_weights` in order.
    """
    import keras

    keras.models.load_model(source.keras_path).save(file)


def read_keras(file: Path) -> Predict:
    """The model in a `.keras` or `.h5` file."""
    import keras

    model = keras.models.load_model(file, compile=False)

    def predict(images: Images) -> Probabilities:
        return np.asarray(model.predict_on_batch(images), np.float32)

    return predict
