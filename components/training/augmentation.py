"""Images changed by chance before the network learns from them."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from slipline.components.training.train_settings import AugmentParams

Projection = NDArray[np.float32]
"""[N, 8]: where each pixel of N images comes from, as `tf.raw_ops.ImageProjectiveTransformV3` takes it."""


def projections(augment: AugmentParams, count: int, shape: tuple[int, int], seed: tuple[int, ...]) -> Projection:
    """How each of `count` images of `shape`, height and width, is moved, turned, zoomed and mirrored.

    Args:
      augment: How far each may go; what chance decides is drawn evenly from it.
      count: Number of images.
      shape: Height and width, in pixels.
      seed: Decides all of it.
    """
    rng = np.random.default_rng(seed)
    right, down = rng.uniform(-augment.shift_pixels, augment.shift_pixels, (2, count))
    angle = np.radians(rng.uniform(-augment.rotate_degrees, augment.rotate_degrees, count))
    size = 1 + rng.uniform(-augment.zoom, augment.zoom, count)
    mirror = np.where(rng.random(count) < 0.5, -1.0, 1.0) if augment.flip else np.ones(count)
    a, b = np.cos(angle) / size * mirror, np.sin(angle) / size * mirror
    c, d = -np.sin(angle) / size, np.cos(angle) / size
    middle_y, middle_x = (shape[0] - 1) / 2, (shape[1] - 1) / 2
    # Output pixel (x, y) is input pixel (a x + b y + e, c x + d y + f): about the middle, after the shift.
    e = middle_x - a * (middle_x + right) - b * (middle_y + down)
    f = middle_y - c * (middle_x + right) - d * (middle_y + down)
    nothing = np.zeros(count)
    return np.stack([a, b, e, c, d, f, nothing, nothing], axis=1).astype(np.float32)


def projected(images: tf.Tensor, projection: tf.Tensor) -> tf.Tensor:
    """Images float32 [N, height, width, channels] as the projections, float32 [N, 8], say; 0 from outside."""
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=projection,
        output_shape=tf.shape(images)[1:3],
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    )


def noisy(images: tf.Tensor, places: tf.Tensor, noise: float, seed: int) -> tf.Tensor:
    """Images in 0..1 with Gaussian noise decided by the seed and each image's place, int64 [N]."""
    shape = tf.shape(images)[1:]

    def draw(place: tf.Tensor) -> tf.Tensor:
        return tf.random.stateless_normal(shape, tf.stack([tf.constant(seed, tf.int64), place]), stddev=noise)

    return tf.clip_by_value(images + tf.map_fn(draw, places, fn_output_signature=tf.float32), 0.0, 1.0)
