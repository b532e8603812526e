"""Turns a trained model into a SavedModel that a model server can load."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipline.components.artifacts import Schema, ServableModel, TrainedModel
from slipline.pipeline.core.component import component, params

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from slipline.components.features.schema_io import ExampleSpec

SIGNATURES = ("serving_default", "serving_examples", "serving_images")

WARM_UP_BATCH_SIZES = (1, 2)
"""One request alone, and one that was batched: TensorFlow prepares its kernels for each."""


@params
class ExportParams:
    """What is written beside the model's graph.

    Attributes:
      warm_up: Whether to write requests that a server replays before it says the version is available.
    """

    warm_up: bool = True


@component(loads=("tensorflow",))
def export(model: TrainedModel, schema: Schema, params: ExportParams, out: Path) -> ServableModel:
    """Writes a SavedModel with three signatures; what was done to an image in training is done in its graph.

    * `serving_default`: `images`, float32 [N, height, width, channels] in 0..1;
    * `serving_examples`: `examples`, serialized `tf.Example`s, string [N];
    * `serving_images`: `encoded`, PNG or JPEG bytes, string [N].

    Each answers `probabilities`, float32 [N, classes], and `class`, int64 [N]. An image of any other size is refused by
    the graph itself: a convolution over an input of the wrong rank would end the process of a TensorFlow 2.21 server.

    Args:
      model: The network.
      schema: Names the image feature and its size.
      params: What is written beside the graph.
      out: Becomes the version folder.

    Returns:
      The model, with the names of its signatures.
    """
    import keras

    from slipline.components.features.schema_io import example_spec

    spec = example_spec(schema)
    model.import_layers()
    network = keras.models.load_model(model.keras_path, compile=False)
    _archive(network, spec).write_out(out, verbose=False)
    if params.warm_up:
        _write_warm_up(out, spec)
    return ServableModel(path=out, signatures=SIGNATURES)


def _archive(network: keras.Model, spec: ExampleSpec) -> keras.export.ExportArchive:
    """The network and its signatures, to be written out.

    `tf.saved_model.save` of a module that holds the network would save copies of its variables: the graph that a model
    server loads then finds none.
    """
    import keras
    import tensorflow as tf

    from slipline.components.training.preprocessing import decode_images, parse_images, scale

    shape = [None, *spec.image.shape]

    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        probabilities = network(tf.ensure_shape(images, shape), training=False)
        return {"probabilities": probabilities, "class": tf.argmax(probabilities, axis=-1)}

    def answer_examples(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return answer_images(parse_images(examples, spec))

    def answer_images(encoded: tf.Tensor) -> dict[str, tf.Tensor]:
        return answer(scale(decode_images(encoded, spec.image)))

    archive = keras.export.ExportArchive()
    archive.track(network)
    archive.add_endpoint("serving_default", answer, [tf.TensorSpec(shape, tf.float32, "images")])
    archive.add_endpoint("serving_examples", answer_examples, [tf.TensorSpec([None], tf.string, "examples")])
    archive.add_endpoint("serving_images", answer_images, [tf.TensorSpec([None], tf.string, "encoded")])
    return archive


def _write_warm_up(folder: Path, spec: ExampleSpec) -> None:
    """Writes blank images as requests to every signature, where a model server looks for them."""
    import numpy as np
    import tensorflow as tf

    from slipline.components.examples.example_records import Cell, ValueKind, encode_cells
    from slipline.components.features.decode_images import scaled
    from slipline.components.files.tfrecord_files import write_records

    blank = np.zeros(spec.image.shape, np.uint8)
    encoded = tf.io.encode_png(blank).numpy()
    example = encode_cells([Cell(spec.image.name, ValueKind.BYTES, [encoded])])
    one_of_each = {
        "serving_default": ("images", scaled(blank)),
        "serving_examples": ("examples", np.array(example, object)),
        "serving_images": ("encoded", np.array(encoded, object)),
    }
    file = folder / "assets.extra" / "tf_serving_warmup_requests"
    file.parent.mkdir()
    write_records(
        file,
        [
            _warm_up_record(signature, name, np.stack([value] * size))
            for signature, (name, value) in one_of_each.items()
            for size in WARM_UP_BATCH_SIZES
        ],
    )


def _warm_up_record(signature: str, input_name: str, value: Any) -> bytes:
    import tensorflow as tf

    from slipline.serving.wire.serving_pb2 import PredictionLog

    log = PredictionLog()
    request = log.predict_log.request
    request.model_spec.signature_name = signature
    request.inputs[input_name].ParseFromString(tf.make_tensor_proto(value).SerializeToString())
    return log.SerializeToString()
