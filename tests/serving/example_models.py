"""A TensorFlow 1 style model that classifies and regresses Examples, and signatures that are wrong in one way each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

CLASSIFY, REGRESS, PREDICT = (f"tensorflow/serving/{method}" for method in ("classify", "regress", "predict"))


def save_half_plus(tf: Any, folder: Path) -> None:
    """Features x, and c (0 if missing); y = x / 2 + c; scores [y, -y], classes their text."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        half = tf.compat.v1.Variable(0.5, use_resource=False)
        examples = tf.compat.v1.placeholder(tf.string, [None], name="examples")
        features = {"x": tf.io.FixedLenFeature([1], tf.float32), "c": tf.io.FixedLenFeature([1], tf.float32, [0.0])}
        parsed = tf.io.parse_example(examples, features)
        x = tf.identity(parsed["x"], name="x")
        halved = tf.multiply(half, x, name="halved")
        y = tf.add(halved, parsed["c"], name="y")
        scores = tf.concat([y, -y], 1, name="scores")
        classes = tf.strings.as_string(scores, precision=1, name="classes")
        one, two = {"inputs": examples}, {"inputs": examples, "x": x}
        signatures = {
            "serving_default": signature(tf, {"x": x}, {"y": halved, "same": halved}, PREDICT),
            "classify": signature(tf, one, {"classes": classes, "scores": scores}, CLASSIFY),
            "classify_scores": signature(tf, one, {"scores": scores}, CLASSIFY),
            "classify_classes": signature(tf, one, {"classes": classes}, PREDICT),
            "regress": signature(tf, one, {"outputs": y}, REGRESS),
            "regress_flat": signature(tf, one, {"outputs": tf.squeeze(y, 1)}, "of our own"),
            "wide": signature(tf, one, {"outputs": scores}, REGRESS),
            "double": signature(tf, one, {"outputs": tf.cast(y, tf.float64)}, REGRESS),
            "mean": signature(tf, one, {"outputs": tf.reduce_mean(y)}, REGRESS),
            "flat": signature(tf, one, {"scores": tf.squeeze(y, 1)}, CLASSIFY),
            "uneven": signature(tf, one, {"classes": classes, "scores": y}, CLASSIFY),
            "text": signature(tf, one, {"scores": classes}, CLASSIFY),
            "first": signature(tf, one, {"scores": scores[:1]}, CLASSIFY),
            "other_output": signature(tf, one, {"other": y}, CLASSIFY),
            "other_input": signature(tf, {"examples": examples}, {"outputs": y}, REGRESS),
            "other_input_classes": signature(tf, {"examples": examples}, {"scores": scores}, CLASSIFY),
            "two_inputs": signature(tf, two, {"outputs": y, "scores": scores}, REGRESS),
            "three_outputs": signature(tf, one, {"outputs": y, "scores": scores, "classes": classes}, CLASSIFY),
        }
        session.run(tf.compat.v1.global_variables_initializer())
        builder = tf.compat.v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], signatures)
        builder.save()


def save_tf2_classifier(tf: Any, folder: Path) -> None:
    """Only tf.function signatures, whose method is always predict; y = 3 x."""
    model = tf.Module()
    model.factor = tf.Variable(3.0)
    spec = [tf.TensorSpec([None], tf.string, name="inputs")]

    def y_of(examples: Any) -> Any:
        return model.factor * tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]

    regress = tf.function(lambda inputs: {"outputs": y_of(inputs)}, input_signature=spec)
    classify = tf.function(lambda inputs: {"scores": y_of(inputs)}, input_signature=spec)
    tf.saved_model.save(model, str(folder), signatures={"serving_default": regress, "classify": classify})


def signature(tf: Any, inputs: dict[str, Any], outputs: dict[str, Any], method: str) -> Any:
    info = tf.compat.v1.saved_model.utils.build_tensor_info
    return tf.compat.v1.saved_model.signature_def_utils.build_signature_def(
        {name: info(tensor) for name, tensor in inputs.items()},
        {name: info(tensor) for name, tensor in outputs.items()},
        method,
    )
