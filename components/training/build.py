"""The network with its optimizer, and the rates at which it learns, as settings and schema say."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module

import keras
import numpy as np
from keras.optimizers import schedules
from numpy.typing import NDArray

from slipline.components.errors import TrainingFailed
from slipline.components.features.schema_io import ExampleSpec
from slipline.components.training.train_settings import WITH_MOMENTUM, TrainParams

Network = Callable[[tuple[int, int, int], int], keras.Model]


def build(params: TrainParams, spec: ExampleSpec) -> keras.Model:
    """The network with its initial weights, compiled, and its optimizer ready.

    Raises:
      TrainingFailed: There is no such function, or its model does not fit the schema.
    """
    keras.utils.set_random_seed(params.seed)
    with _computing_in(params.precision):
        model = _called(params.network, spec.image.shape, spec.label.classes)
    if model.output_shape != (None, spec.label.classes):
        raise TrainingFailed(
            f"{params.network}: wanted probabilities of shape (None, {spec.label.classes}), as the schema has "
            f"{spec.label.classes} classes, got {model.output_shape}; mend its last layer"
        )
    if params.precision != "float32" and model.layers:
        # Half a float would round probabilities near 1 to 1, and their loss to 0.
        model.layers[-1].dtype_policy = keras.DTypePolicy("float32")
    model.compile(
        optimizer=_optimizer(params),
        loss="sparse_categorical_crossentropy",  # categorical cross-entropy over labels kept as numbers
        metrics=["accuracy"],
        auto_scale_loss=False,
    )
    model.optimizer.build(model.trainable_variables)
    return model


def _optimizer(params: TrainParams) -> keras.optimizers.Optimizer:
    momentum = {"momentum": params.momentum} if params.optimizer in WITH_MOMENTUM else {}
    optimizer = keras.optimizers.get(
        {
            "class_name": params.optimizer,
            "config": {
                "learning_rate": params.learning_rate,
                "weight_decay": params.weight_decay or None,
                "global_clipnorm": None if params.clip_norm == math.inf else params.clip_norm,
                **momentum,
            },
        }
    )
    return keras.optimizers.LossScaleOptimizer(optimizer) if params.precision == "mixed_float16" else optimizer


@contextmanager
def _computing_in(precision: str) -> Iterator[None]:
    """Layers built in the block compute in that precision, unless they say otherwise."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _called(reference: str, shape: tuple[int, int, int], classes: int) -> keras.Model:
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
    if type(model).train_step is not keras.Model.train_step:
        raise TrainingFailed(
            f"train.network={reference}: its model has a train_step of its own, which is not called here; put what "
            "it does into layers, or into losses added with add_loss"
        )
    try:
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(model))
    except (TypeError, ValueError, NotImplementedError) as error:
        traceback.print_exc()
        raise TrainingFailed(
            f"train.network={reference}: its model could not be read back from a file; give each class of your own "
            "the decorator @keras.saving.register_keras_serializable() and a get_config, and use no Lambda; the run's "
            "log has what Keras says"
        ) from error
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


def learning_rates(params: TrainParams, steps_per_epoch: int) -> NDArray[np.float32]:
    """The learning rate of each step over all epochs, float32 [epochs * steps_per_epoch].

    It rises through the warm-up, evenly to `learning_rate`, and falls from there as the schedule says. Rates are set
    step by step, rather than given to the optimizer as a schedule, so that a `.keras` file needs no code of ours to
    be loaded, and training can go on from it at the rate it had.
    """
    total = params.epochs * steps_per_epoch
    warmup = round(params.warmup_epochs * steps_per_epoch)
    rising = params.learning_rate * np.arange(1, warmup + 1, dtype=np.float32) / max(warmup, 1)
    steps, decay_steps = np.arange(total - warmup, dtype=np.float32), max(total - warmup - 1, 1)
    if params.schedule == "constant":
        falling = np.full(len(steps), params.learning_rate, np.float32)
    elif params.schedule == "cosine":
        falling = np.asarray(schedules.CosineDecay(params.learning_rate, decay_steps, alpha=params.final_share)(steps))
    else:
        stepwise = params.schedule == "step"
        periods = max((len(steps) - 1) // steps_per_epoch, 1) if stepwise else 1
        length = steps_per_epoch if stepwise else decay_steps
        rate = params.final_share ** (1 / periods)
        decay = schedules.ExponentialDecay(params.learning_rate, length, rate, staircase=stepwise)
        falling = np.asarray(decay(steps))
    return np.concatenate([rising, falling]).astype(np.float32)
