"""The batches of an epoch, whole or one worker's share of each."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from slipline.components.training.arrays import Arrays
from slipline.components.training.augmentation import noisy, projected, projections
from slipline.components.training.preprocessing import scale
from slipline.components.training.train_settings import TrainParams

PREFETCHED_BATCHES = 2

MOVES = 1
"""Beside seed and epoch, so that moves are drawn apart from the order of examples."""

Numbers = NDArray[np.int64]


class Batches:
    """What each step learns from: a matter of seed, epoch and step alone, so that a resumed training has it too.

    Attributes:
      steps: Steps of an epoch.
    """

    def __init__(self, arrays: Arrays, params: TrainParams) -> None:
        self._arrays = arrays
        self._params = params
        self._images = tf.constant(arrays.images)
        self._labels = tf.constant(arrays.labels)
        self.steps = -(-len(arrays.learnt) // params.batch_size)

    def examples(self, epoch: int, step: int) -> Numbers:
        """The numbers of the examples of a step."""
        first = step * self._params.batch_size
        return self._order(epoch)[first : first + self._params.batch_size]

    def size(self, step: int) -> int:
        """How many examples a step learns from, over all workers."""
        size = self._params.batch_size
        return min(size, len(self._arrays.learnt) - step * size)

    def whole(self, epoch: int, step: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Images and labels of a step, over all workers."""
        images, labels, _ = next(iter(self.share(epoch, step, 0, 1)))
        return images, labels

    def share(self, epoch: int, first_step: int, worker: int, workers: int) -> tf.data.Dataset:
        """One worker's part of each step of an epoch from `first_step` on.

        Returns:
          Images float32 [n, height, width, channels] in 0..1, labels int64 [n], and the weight of each example in the
          step's mean, float32 [n]. A worker that has no part in a last, small batch gets an example of weight 0.
        """
        places, weights = self._places(worker, workers)
        size = -(-(self._params.batch_size - worker) // workers)
        places, weights = places[first_step * size :], weights[first_step * size :]
        parts = [places, self._order(epoch)[places], weights]
        if self._params.augment.moves:
            height, width = self._arrays.images.shape[1:3]
            seed = (self._params.seed, epoch, MOVES)
            moves = projections(self._params.augment, len(self._arrays.learnt), (height, width), seed)
            parts.append(moves[places])
        # One thread of its own prepares batches; more would take the cores from the steps they are for.
        options = tf.data.Options()
        options.autotune.enabled = False
        options.threading.private_threadpool_size = 1
        options.threading.max_intra_op_parallelism = 1
        batches = tf.data.Dataset.from_tensor_slices(tuple(parts)).batch(size)
        prepared = batches.map(lambda *part: self._prepared(epoch, *part))
        return prepared.prefetch(PREFETCHED_BATCHES).with_options(options)

    def held_out(self, worker: int, workers: int) -> tf.data.Dataset:
        """One worker's part of the examples held out: images and labels, as `share` gives them."""
        rows = tf.data.Dataset.from_tensor_slices(self._arrays.held_out[worker::workers])
        return rows.batch(self._params.batch_size).map(self._gathered).prefetch(PREFETCHED_BATCHES)

    def _order(self, epoch: int) -> Numbers:
        learnt = self._arrays.learnt
        return learnt[np.random.default_rng((self._params.seed, epoch)).permutation(len(learnt))]

    def _places(self, worker: int, workers: int) -> tuple[Numbers, NDArray[np.float32]]:
        """Which places of an epoch's order a worker takes, step after step, and their weights."""
        count, size = len(self._arrays.learnt), self._params.batch_size
        places = np.arange(count)
        mine = places[places % size % workers == worker]
        sizes = np.minimum(size, count - mine // size * size)
        weights = (1 / sizes).astype(np.float32)
        if (count - 1) % size < worker:  # the last batch has no example for it
            return np.append(mine, count - 1), np.append(weights, np.float32(0))
        return mine, weights

    def _prepared(
        self, epoch: int, places: tf.Tensor, rows: tf.Tensor, weights: tf.Tensor, moves: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        images, labels = self._gathered(rows)
        if moves is not None:
            images = projected(images, moves)
        if self._params.augment.noise:
            # One place after another over all epochs, so that no image sees the same noise twice.
            places += epoch * len(self._arrays.learnt)
            images = noisy(images, places, self._params.augment.noise, self._params.seed)
        return images, labels, weights

    def _gathered(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return scale(tf.gather(self._images, rows)), tf.gather(self._labels, rows)
