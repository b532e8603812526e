"""A model that nothing guards against inputs of another shape; some of its signatures end the process over them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

IMAGES = (None, 28, 28, 1)


def save_unguarded(tf: Any, folder: Path) -> None:
    """`conv` takes images; `any` does without saying so; `affine` takes vectors; `branch` and `loop` convolve inside.

    `fed_twice` takes x and y, `reshaped` images of any rank, `split` gives both halves of a vector.
    """
    model = tf.Module()
    model.kernel = tf.Variable(tf.ones([3, 3, 1, 2]))
    model.weights = tf.Variable(tf.ones([4, 2]))

    def conv(x: Any) -> Any:
        return tf.nn.relu(tf.nn.conv2d(x, model.kernel, 1, "SAME"))

    def loop(x: Any) -> Any:
        return tf.while_loop(lambda i, x: i < 2, lambda i, x: (i + 1, conv(x)[..., :1]), (tf.constant(0), x))[1]

    methods = {
        "conv": (IMAGES, conv),
        "any": (None, conv),
        "any_size": ((None, None, None, 1), lambda x: tf.nn.max_pool2d(x, 2, 2, "VALID")),
        "affine": ((None, 4), lambda x: x @ model.weights),
        "double": ((None, 1), lambda x: 2 * x),
        "branch": (IMAGES, lambda x: tf.cond(tf.size(x) > 0, lambda: conv(x), lambda: tf.zeros([1, 28, 28, 2]))),
        "loop": (IMAGES, loop),
        "reshaped": (IMAGES, lambda x: conv(tf.reshape(x, [-1, 28, 28, 1]))),
        "split": ((None, 4), lambda x: tf.split(x, 2, 1)[1] + tf.constant([[1.0] * 2] * 2000)[:1]),
    }
    signatures = {
        name: tf.function(
            lambda x, method=method: {"y": method(x)}, input_signature=[tf.TensorSpec(shape, tf.float32, name="x")]
        )
        for name, (shape, method) in methods.items()
    }
    specs = [tf.TensorSpec(shape, tf.float32, name=name) for name, shape in (("x", (None, 4)), ("w", (4, 3)))]
    signatures["fed_twice"] = tf.function(lambda x, w: {"product": x @ w, "sum": tf.reduce_sum(x)}, specs)
    tf.saved_model.save(model, str(folder), signatures=signatures)
