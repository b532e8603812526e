"""A network that trains in a second, and what the steps after training need."""

from __future__ import annotations

from typing import Any


def tiny(image_shape: tuple[int, int, int], classes: int) -> Any:
    """A dense classifier, with dropout so that its random state matters too."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dropout(0.1),
            layers.Dense(classes, activation="softmax"),
        ]
    )


def too_wide(image_shape: tuple[int, int, int], classes: int) -> Any:
    """A network whose last layer has one output too many."""
    return tiny(image_shape, classes + 1)


def broken(image_shape: tuple[int, int, int], classes: int) -> Any:
    """A network with a mistake in it."""
    return classes / 0
