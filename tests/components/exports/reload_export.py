"""Uses an exported file as a stranger would, with none of our code; run as a program in a process of its own.

`python reload_export.py KIND FILE DATA.npz ANSWERS.npz`, where DATA has `images` and `labels`; ANSWERS takes
`probabilities` and whatever else KIND shows.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def keras(file: str, images: Any, labels: Any) -> dict[str, Any]:
    """Predicts, evaluates, and goes on training where the training ended."""
    from keras.models import load_model

    return _used(load_model(file), images, labels)


def h5(file: str, images: Any, labels: Any) -> dict[str, Any]:
    """The same; Keras 3 leaves it to us to take up the optimizer's state."""
    import h5py  # type: ignore[import-untyped]
    from keras.models import load_model
    from keras.optimizers import Adam

    model = load_model(file, compile=False)
    model.compile(Adam(), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.optimizer.build(model.trainable_variables)
    with h5py.File(file) as content:
        kept = content["optimizer_weights"]
        for variable, name in zip(model.optimizer.variables, kept.attrs["weight_names"], strict=True):
            variable.assign(kept[name][()])
    return _used(model, images, labels)


def _used(model: Any, images: Any, labels: Any) -> dict[str, Any]:
    probabilities = model.predict(images, verbose=0)
    loss, accuracy = model.evaluate(images, labels, verbose=0)
    before = int(model.optimizer.iterations.numpy())
    model.fit(images, labels, batch_size=50, epochs=2, shuffle=False, verbose=0)
    return {
        "probabilities": probabilities,
        "accuracy": accuracy,
        "steps_before": before,
        "steps_after": int(model.optimizer.iterations.numpy()),
        "loss_before": loss,
        "loss_after": model.evaluate(images, labels, verbose=0)[0],
    }


def tflite(file: str, images: Any, labels: Any) -> dict[str, Any]:
    """What an app does: one image at a time, into the input `images`, out of the output `probabilities`."""
    from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-untyped]

    assert not {"tensorflow", "keras"} & set(sys.modules)
    run = Interpreter(model_path=file).get_signature_runner("serving_default")
    answers = np.concatenate([run(images=images[at : at + 1])["probabilities"] for at in range(len(images))])
    given, taken = run.get_output_details(), run.get_input_details()
    assert taken["images"]["dtype"] is given["probabilities"]["dtype"] is np.float32
    assert taken["images"]["shape"].tolist() == [1, *images.shape[1:]]
    return {"probabilities": answers, "accuracy": np.mean(answers.argmax(axis=1) == labels)}


def saved_model(folder: str, images: Any, labels: Any) -> dict[str, Any]:
    """Asks the default signature."""
    import tensorflow as tf

    signature = tf.saved_model.load(folder).signatures["serving_default"]
    answers = signature(images=tf.constant(images))["probabilities"].numpy()
    return {"probabilities": answers, "accuracy": np.mean(answers.argmax(axis=1) == labels)}


if __name__ == "__main__":
    kind, file, data, target = sys.argv[1:]
    with np.load(data) as given:
        found = globals()[kind](file, given["images"], given["labels"])
    np.savez(target, **found)
