"""From a record's bytes to what the network sees: one definition, used in training and in the exported graph."""

from __future__ import annotations

import tensorflow as tf

from slipline.components.features.schema_io import ExampleSpec, ImageFeature


def parse_examples(serialized: tf.Tensor, spec: ExampleSpec) -> tuple[tf.Tensor, tf.Tensor]:
    """The encoded images, string [N], and the labels, int64 [N], of serialized `tf.Example`s, string [N]."""
    features = {
        spec.image.name: tf.io.FixedLenFeature([], tf.string),
        spec.label.name: tf.io.FixedLenFeature([], tf.int64),
    }
    parsed = tf.io.parse_example(serialized, features)
    return parsed[spec.image.name], parsed[spec.label.name]


def parse_images(serialized: tf.Tensor, spec: ExampleSpec) -> tf.Tensor:
    """The encoded images, string [N], of serialized `tf.Example`s, string [N]; a label is not needed."""
    return tf.io.parse_example(serialized, {spec.image.name: tf.io.FixedLenFeature([], tf.string)})[spec.image.name]


def decode_images(encoded: tf.Tensor, image: ImageFeature) -> tf.Tensor:
    """The pixels, uint8 [N, height, width, channels], of N PNG or JPEG files; any other size is the graph's error."""

    def decode(one: tf.Tensor) -> tf.Tensor:
        pixels = tf.io.decode_image(one, channels=image.channels, expand_animations=False)
        return tf.ensure_shape(pixels, image.shape)

    return tf.map_fn(decode, encoded, fn_output_signature=tf.uint8)


def scale(pixels: tf.Tensor) -> tf.Tensor:
    """Pixels of 0..255 as float32 in 0..1."""
    return tf.cast(pixels, tf.float32) / 255.0
