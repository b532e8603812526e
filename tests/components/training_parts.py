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


def plain(image_shape: tuple[int, int, int], classes: int) -> Any:
    """A network in which nothing is left to chance, so that however many workers share the work make the same of it."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Flatten(),
            layers.Dense(16, activation="relu", kernel_regularizer="l2"),
            layers.Dense(classes, activation="softmax"),
        ]
    )


def own_layer(image_shape: tuple[int, int, int], classes: int) -> Any:
    """A network with a layer of its own, which has weights and a state, beside normalization and dropout."""
    import keras
    from keras import layers

    inputs = keras.Input(image_shape)
    hidden = layers.Dropout(0.1)(layers.Dense(16, activation="relu")(layers.Flatten()(inputs)))
    hidden = layers.BatchNormalization()(counting_layer()()(hidden))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(hidden))


def counting_layer() -> Any:
    """A layer that scales by a weight, and counts its calls in training; made late, as Keras imports slowly."""
    import keras

    @keras.saving.register_keras_serializable("tests")
    class Counting(keras.layers.Layer):  # type: ignore[misc]
        def build(self, shape: Any) -> None:
            self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")
            self.calls = self.add_weight(shape=(), dtype="int64", initializer="zeros", trainable=False, name="calls")

        def call(self, inputs: Any, training: bool = False) -> Any:
            if training:
                self.calls.assign_add(1)
            return inputs * self.scale

    return Counting


def standardizing(image_shape: tuple[int, int, int], classes: int) -> Any:
    """A network that divides by each image's deviation, which of an image in one colour is 0."""
    import keras
    from keras import layers

    inputs = keras.Input(image_shape)
    flat = layers.Flatten()(inputs)
    deviation = keras.ops.std(flat, axis=1, keepdims=True)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(flat / deviation))


def own_step(image_shape: tuple[int, int, int], classes: int) -> Any:
    """A network that would be trained in a way of its own."""
    import keras

    class Own(keras.Sequential):  # type: ignore[misc]
        def train_step(self, data: Any) -> Any:
            return data

    return Own([keras.Input(image_shape), keras.layers.Flatten(), keras.layers.Dense(classes, activation="softmax")])


def unregistered(image_shape: tuple[int, int, int], classes: int) -> Any:
    """A network that Keras could write, but not read back."""
    import keras

    class Unknown(keras.layers.Layer):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return inputs

    return keras.Sequential([*tiny(image_shape, classes).layers, Unknown()])
