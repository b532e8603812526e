"""A model whose signatures are right, or wrong, to run in batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.serving.example_models import PREDICT, signature


def save_batchable(tf: Any, folder: Path) -> None:
    """`affine`, `any_width` and `joined` have rows of their own, and most others not, each for another reason.

    `centred` mixes rows, `counted` keeps state, `noisy` draws at random, `pairs` gives two rows for each, `fixed` takes
    one row. `looked_up` reads a table, `repeated` runs as
    often as its values say. `picky` has rows of its own, and fails over a number of 10 or more.
    """
    model = tf.Module()
    model.weights = tf.Variable(tf.random.stateless_normal([4, 3], [1, 2]))
    model.runs = tf.Variable(0.0)
    model.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer([0, 1], [5.0, 6.0]), -1.0)

    def picky(x: Any) -> Any:
        with tf.control_dependencies([tf.debugging.assert_less(x, 10.0, message="x must be small")]):
            return 2 * x

    def repeated(x: Any) -> Any:
        return tf.while_loop(lambda y: tf.reduce_any(y < 8.0), lambda y: (y * 2,), (x + 1,))[0]

    def counted(x: Any) -> Any:
        return x * 0 + model.runs.assign_add(1.0)

    methods = {
        "affine": ((None, 4), lambda x: tf.nn.softmax(x @ model.weights)),
        "any_width": ((None, None), lambda x: x / 3),
        "centred": ((None, 4), lambda x: x - tf.reduce_mean(x, 0)),
        "counted": ((None, 4), counted),
        "noisy": ((None, 4), lambda x: x + tf.random.normal(tf.shape(x))),
        "pairs": ((None, 4), lambda x: tf.concat([x, x], 0)),
        "fixed": ((1, 4), lambda x: 2 * x),
        "looked_up": ((None, 4), lambda x: model.table.lookup(tf.cast(x, tf.int32))),
        "picky": ((None, 4), picky),
        "repeated": ((None, 4), repeated),
    }
    signatures = {
        name: tf.function(
            lambda x, method=method: {"y": method(x)}, input_signature=[tf.TensorSpec(shape, tf.float32, name="x")]
        )
        for name, (shape, method) in methods.items()
    }
    specs = [tf.TensorSpec([None], tf.string, name="word"), tf.TensorSpec([None, 2], tf.float64, name="x")]
    signatures["joined"] = tf.function(
        lambda word, x: {"text": tf.strings.join([word, tf.strings.as_string(x[:, 0])]), "sum": tf.reduce_sum(x, 1)},
        specs,
    )
    tf.saved_model.save(model, str(folder), signatures=signatures)


def save_reference_counter(tf: Any, folder: Path) -> None:
    """A TensorFlow 1 model: `read` adds a variable of the old kind to x, `counted` counts up in it first."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        runs = tf.compat.v1.Variable(0.0, use_resource=False)
        x = tf.compat.v1.placeholder(tf.float32, [None], name="x")
        with tf.control_dependencies([runs.assign_add(1.0)]):
            counted = tf.add(x, 0.0)
        signatures = {
            name: signature(tf, {"x": x}, {"y": y}, PREDICT) for name, y in (("read", x + runs), ("counted", counted))
        }
        session.run(tf.compat.v1.global_variables_initializer())
        builder = tf.compat.v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], signatures)
        builder.save()
