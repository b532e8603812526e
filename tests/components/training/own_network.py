"""A network with a layer of its own, as a person would write it: nobody imports this module but the training."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers


@keras.saving.register_keras_serializable("own")
class Scaled(layers.Layer):  # type: ignore[misc]
    """Scales each of its inputs by a weight."""

    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")

    def call(self, inputs: Any) -> Any:
        return inputs * self.scale


def scaled(image_shape: tuple[int, int, int], classes: int) -> Any:
    head = layers.Dense(classes, activation="softmax")
    return keras.Sequential([keras.Input(image_shape), layers.Flatten(), Scaled(), head])
