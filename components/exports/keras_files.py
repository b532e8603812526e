"""Keras' own files: the whole model with its optimizer's state, so that training can go on from it."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from slipline.components.exports.source import ExportSource, Images, Predict, Probabilities

if TYPE_CHECKING:
    import keras


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


@dataclass(frozen=True)
class KerasNetwork:
    """A Keras model to be asked; a `Predict`."""

    model: keras.Model

    def __call__(self, images: Images) -> Probabilities:
        """The model's answers."""
        return np.asarray(self.model.predict_on_batch(images), np.float32)

    def digest(self) -> str:
        """The sha256 over its layers, their settings and all that they learnt: of two alike, both give one answer."""
        digest = hashlib.sha256(self.model.to_json().encode())
        for weight in self.model.weights:
            digest.update(np.asarray(weight.value.numpy()).tobytes())
        return digest.hexdigest()


def read_keras(file: Path) -> Predict:
    """The model in a `.keras` or `.h5` file."""
    import keras

    return KerasNetwork(keras.models.load_model(file, compile=False))
