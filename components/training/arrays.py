"""The examples of a training, decoded into memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from slipline.components.artifacts import Examples
from slipline.components.errors import TrainingFailed
from slipline.components.features.schema_io import ExampleSpec
from slipline.components.training.preprocessing import decode_images, parse_examples
from slipline.components.training.train_settings import TrainParams

DECODE_BATCH_SIZE = 512
"""Small batches keep both decoding threads busy to the end; 60,000 digits take 1.0 s so, and 1.9 s one by one."""


@dataclass(frozen=True, kw_only=True)
class Arrays:
    """Decoded examples of one split.

    Attributes:
      images: uint8 [N, height, width, channels].
      labels: int64 [N].
      learnt: Numbers of those to learn from, int64, ascending.
      held_out: Numbers of the others.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    learnt: NDArray[np.int64]
    held_out: NDArray[np.int64]


def read_arrays(examples: Examples, params: TrainParams, spec: ExampleSpec) -> Arrays:
    """Reads and decodes every example of the split, in order, and holds a share of them out.

    Raises:
      TrainingFailed: There are not as many as were written, or none is left on one side.
    """
    images, labels = _decoded(examples.files(params.split), spec)
    wanted = examples.split(params.split).records
    if len(labels) != wanted:
        raise TrainingFailed(
            f"{examples.path}: wanted {wanted:,} examples of {params.split}, read {len(labels):,}; "
            "a shard was altered since it was written; ingest again with --fresh"
        )
    learnt, held_out = _divided(len(labels), params)
    return Arrays(images=images, labels=labels, learnt=learnt, held_out=held_out)


def _decoded(files: tuple[Path, ...], spec: ExampleSpec) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    def decode(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        encoded, labels = parse_examples(serialized, spec)
        return decode_images(encoded, spec.image), labels

    records = tf.data.TFRecordDataset([str(file) for file in files])
    batches = list(records.batch(DECODE_BATCH_SIZE).map(decode, tf.data.AUTOTUNE).as_numpy_iterator())
    return np.concatenate([images for images, _ in batches]), np.concatenate([labels for _, labels in batches])


def _divided(count: int, params: TrainParams) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The numbers of the examples to learn from, and of those held out."""
    held = round(count * params.validation_fraction)
    if params.validation_fraction and not 0 < held < count:
        raise TrainingFailed(
            f"train.validation_fraction={params.validation_fraction} holds out {held:,} of {count:,} examples of "
            f"{params.split}; choose one that leaves some on both sides"
        )
    order = np.random.default_rng((params.seed, HELD_OUT)).permutation(count)
    return np.sort(order[held:]), np.sort(order[:held])


HELD_OUT = 2**32 - 1
"""Beside the seed, in place of an epoch's number, so that the choice has random numbers of its own."""
