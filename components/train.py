"""Fits the network to the examples."""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.errors import TrainingFailed
from components.preprocessing import decode_images, parse_examples, scale
from components.schemas.schema_io import ExampleSpec, example_spec
from pipeline.artifacts import Examples, Schema, TrainedModel
from pipeline.component import NAMES_CODE, Say, component, params

if TYPE_CHECKING:
    import keras
    import numpy as np
    import tensorflow as tf
    from numpy.typing import NDArray

WEIGHTS_NAME = "model.weights.h5"
HISTORY_NAME = "history.json"

SAY_EVERY_STEPS = 50

PREFETCHED_BATCHES = 2

DECODE_BATCH_SIZE = 512
"""Small batches keep both decoding threads busy to the end; 60,000 digits take 1.0 s so, and 1.9 s one by one."""

Network = Callable[[tuple[int, int, int], int], "keras.Model"]


@params
class TrainParams:
    """Network and schedule of one training.

    Attributes:
      network: `package.module:function` that builds the network; see `components.network`.
      split: The split to learn from.
      epochs: Full passes over the split.
      batch_size: Examples a step.
      learning_rate: Of the optimizer, Adam; the default is Keras' own.
      seed: Decides initial weights and the order of examples.
    """

    network: str = field(default="components.network:digits", metadata=NAMES_CODE)
    split: str = "train"
    epochs: int = 5
    batch_size: int = 64
    learning_rate: float = 0.001
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "learning_rate"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be greater than 0, got {getattr(self, name)}")
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, got {self.seed}")
        if self.network.count(":") != 1:
            raise ValueError(f"network must read package.module:function, got {self.network!r}")


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One line of the history; `loss` in nats per example, `accuracy` in 0..1, both over the epoch's own batches."""

    epoch: int
    loss: float
    accuracy: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Arrays:
    """Decoded examples in memory: `images` uint8 [N, height, width, channels] and `labels` int64 [N]."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


@component(loads=("tensorflow",))
def train(examples: Examples, schema: Schema, params: TrainParams, out: Path, scratch: Path, say: Say) -> TrainedModel:
    """Fits the network and writes it as one .keras file; a training cut short goes on after its last whole epoch.

    The same settings, data and machine give the same weights, bit for bit.

    Args:
      examples: Encoded images and their labels.
      schema: Names both features, the image's size and the number of classes.
      params: Network and schedule.
      out: Takes the model, its history and its TensorBoard log.
      scratch: Keeps weights and history after each epoch.
      say: Told epoch, step and loss.

    Returns:
      The model, with the loss and accuracy of its last epoch.

    Raises:
      TrainingFailed: The network cannot be built or does not fit the data, the loss is no longer a number, or there
        are not as many examples as were written.
    """
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    spec = example_spec(schema)
    say("reading examples")
    arrays = load_arrays(examples.files(params.split), spec)
    wanted = examples.split(params.split).records
    if len(arrays.labels) != wanted:
        raise TrainingFailed(
            f"{examples.path}: wanted {wanted:,} examples of {params.split}, read {len(arrays.labels):,}; "
            "a shard was altered since it was written; ingest again with --fresh"
        )
    model, history = _resumed(params, spec, scratch, say)
    for epoch in range(len(history), params.epochs):
        history = (*history, _fit_epoch(model, arrays, params, epoch, say))
        _keep(model, history, scratch)
    model.save(out / "model.keras")
    (out / HISTORY_NAME).write_text(_to_json(history))
    _write_tensorboard(history, out / "tensorboard")
    last = history[-1]
    return TrainedModel(
        path=out,
        records=len(arrays.labels),
        parameters=model.count_params(),
        loss=last.loss,
        accuracy=last.accuracy,
    )


def load_arrays(files: tuple[Path, ...], spec: ExampleSpec) -> Arrays:
    """Reads and decodes every example of `files`, in order."""
    import numpy as np
    import tensorflow as tf

    def decode(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        encoded, labels = parse_examples(serialized, spec)
        return decode_images(encoded, spec.image), labels

    records = tf.data.TFRecordDataset([str(file) for file in files])
    batches = list(records.batch(DECODE_BATCH_SIZE).map(decode, tf.data.AUTOTUNE).as_numpy_iterator())
    return Arrays(
        images=np.concatenate([images for images, _ in batches]),
        labels=np.concatenate([labels for _, labels in batches]),
    )


def build(params: TrainParams, spec: ExampleSpec) -> keras.Model:
    """The network with its initial weights, compiled.

    Raises:
      TrainingFailed: There is no such function, or its model does not fit the schema.
    """
    import keras

    keras.utils.set_random_seed(params.seed)
    shape = (spec.image.height, spec.image.width, spec.image.channels)
    model = _called(params.network, shape, spec.label.classes)
    if model.output_shape != (None, spec.label.classes):
        raise TrainingFailed(
            f"{params.network}: wanted probabilities of shape (None, {spec.label.classes}), as the schema has "
            f"{spec.label.classes} classes, got {model.output_shape}; mend its last layer"
        )
    model.compile(
        optimizer=keras.optimizers.Adam(params.learning_rate),
        loss="sparse_categorical_crossentropy",  # categorical cross-entropy over labels kept as numbers
        metrics=["accuracy"],
    )
    return model


def _called(reference: str, shape: tuple[int, int, int], classes: int) -> keras.Model:
    import keras

    network = _network(reference)
    try:
        model = network(shape, classes)
    except Exception as error:
        raise TrainingFailed(
            f"train.network={reference}: failed for images of {shape} and {classes} classes with "
            f"{type(error).__name__}: {error}; the run's log has the traceback"
        ) from error
    if not isinstance(model, keras.Model):
        raise TrainingFailed(f"train.network={reference}: wanted a keras.Model, got {model!r}; mend its return")
    return model


def _network(reference: str) -> Network:
    module, _, function = reference.partition(":")
    try:
        network: Network = getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise TrainingFailed(
            f"train.network={reference}: {error}; name a function as package.module:function"
        ) from error
    return network


def _fit_epoch(model: keras.Model, arrays: Arrays, params: TrainParams, epoch: int, say: Say) -> Epoch:
    started = time.perf_counter()
    _seed_layers(model, params.seed, epoch)
    batches = _batches(arrays, params, epoch)
    logs = model.fit(batches, shuffle=False, verbose=0, callbacks=[_saying(say, epoch, params, len(batches))]).history
    loss, accuracy = float(logs["loss"][0]), float(logs["accuracy"][0])
    if not math.isfinite(loss):
        raise TrainingFailed(
            f"epoch {epoch + 1}: the loss is {loss}, no longer a number; lower train.learning_rate, "
            f"now {params.learning_rate}"
        )
    return Epoch(epoch=epoch + 1, loss=loss, accuracy=accuracy, seconds=time.perf_counter() - started)


def _seed_layers(model: keras.Model, seed: int, epoch: int) -> None:
    """Gives layers such as dropout random states that depend on seed and epoch alone; Keras does not save them."""
    import numpy as np

    states = [variable for variable in model.variables if variable.path.endswith("seed_generator_state")]
    for number, state in enumerate(states):
        state.assign(np.random.SeedSequence((seed, epoch, number)).generate_state(2).astype(state.dtype))


def _batches(arrays: Arrays, params: TrainParams, epoch: int) -> tf.data.Dataset:
    """One epoch's batches, in an order that depends on seed and epoch alone, so that a resumed training has it too."""
    import numpy as np
    import tensorflow as tf

    images, labels = tf.constant(arrays.images), tf.constant(arrays.labels)
    order = np.random.default_rng((params.seed, epoch)).permutation(len(arrays.labels))

    def gather(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return scale(tf.gather(images, rows)), tf.gather(labels, rows)

    # One thread of its own prepares batches; more would take the cores from the steps they are for.
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    options.threading.max_intra_op_parallelism = 1
    batches = tf.data.Dataset.from_tensor_slices(order).batch(params.batch_size).map(gather)
    return batches.prefetch(PREFETCHED_BATCHES).with_options(options)


def _saying(say: Say, epoch: int, params: TrainParams, steps: int) -> keras.callbacks.Callback:
    import keras

    def tell(step: int, logs: dict[str, Any] | None) -> None:
        if step % SAY_EVERY_STEPS == 0:
            loss = float((logs or {})["loss"])
            say(f"epoch {epoch + 1}/{params.epochs}  step {step + 1}/{steps}  loss {loss:.4f}")

    return keras.callbacks.LambdaCallback(on_train_batch_end=tell)


def _keep(model: keras.Model, history: tuple[Epoch, ...], scratch: Path) -> None:
    """Leaves weights, optimizer state and history for a next execution; the rename makes them count together."""
    before = _kept(scratch)
    folder = scratch / f"epoch-{len(history)}.part"
    folder.mkdir(exist_ok=True)
    model.save_weights(folder / WEIGHTS_NAME, overwrite=True)
    (folder / HISTORY_NAME).write_text(_to_json(history))
    for name in (WEIGHTS_NAME, HISTORY_NAME):
        with (folder / name).open("rb") as file:
            os.fsync(file.fileno())
    folder.rename(folder.with_suffix(""))
    for old in before:
        shutil.rmtree(old)


def _resumed(params: TrainParams, spec: ExampleSpec, scratch: Path, say: Say) -> tuple[keras.Model, tuple[Epoch, ...]]:
    """The network as the last whole epoch left it, and its history; with initial weights if none did."""
    for folder in reversed(_kept(scratch)):
        model = build(params, spec)
        try:
            model.optimizer.build(model.trainable_variables)
            model.load_weights(folder / WEIGHTS_NAME)
            return model, tuple(Epoch(**line) for line in json.loads((folder / HISTORY_NAME).read_text()))
        except (OSError, ValueError, TypeError, KeyError) as error:
            say(f"{folder.name} cannot be taken up ({error})")
            shutil.rmtree(folder)
    return build(params, spec), ()


def _kept(scratch: Path) -> list[Path]:
    folders = scratch.glob("epoch-*[0-9]")
    return sorted(folders, key=lambda folder: int(folder.name.removeprefix("epoch-")))


def _to_json(history: tuple[Epoch, ...]) -> str:
    return json.dumps([asdict(epoch) for epoch in history], indent=1)


def _write_tensorboard(history: tuple[Epoch, ...], folder: Path) -> None:
    import tensorflow as tf

    with tf.summary.create_file_writer(str(folder)).as_default():
        for epoch in history:
            tf.summary.scalar("loss", epoch.loss, step=epoch.epoch)
            tf.summary.scalar("accuracy", epoch.accuracy, step=epoch.epoch)
