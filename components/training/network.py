"""The default network. Your own is any function of the same two arguments, named by `train.network`.

It may have layers of its own, if their classes are registered with `keras.saving.register_keras_serializable()` when
the function's module is imported. What it adds to the loss with `add_loss` or a regularizer counts; a `train_step` of
its own is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def digits(image_shape: tuple[int, int, int], classes: int) -> keras.Model:
    """A small convolutional classifier, not compiled.

    Args:
      image_shape: Height, width and channels of one image; pixels are float32 in 0..1.
      classes: How many labels there are.

    Returns:
      A model from float32 [N, height, width, channels] to probabilities float32 [N, classes].
    """
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(classes, activation="softmax"),
        ]
    )
