"""The processes that share the work of a training: one alone, or several through `tf.distribute`.

Each has the whole network, in ordinary variables, and learns from its part of each batch. Losses and gradients are
summed over all, so that each takes the very same step. Keras 3 cannot fit a model of mirrored variables in several
processes (its optimizer and metrics do not take them), so that the strategy is asked for the sums alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

import tensorflow as tf


class Team:
    """Who shares the work: this process alone, unless a kind of team says otherwise.

    Attributes:
      worker: The number of this process, from 0; number 0 is the chief, which keeps and writes what is learnt.
      workers: How many there are.
    """

    def __init__(self, worker: int = 0, workers: int = 1) -> None:
        self.worker = worker
        self.workers = workers

    def summed(self, tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Each tensor summed over all workers; called by all of them, in a graph or not."""
        return list(tensors)


class Together(Team):
    """A training in the processes that TF_CONFIG names; made before TensorFlow has done anything else."""

    def __init__(self, worker: int, workers: int) -> None:
        super().__init__(worker, workers)
        self._strategy = tf.distribute.MultiWorkerMirroredStrategy()

    def summed(self, tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Each tensor summed over all workers."""

        def on_this_device(*mine: tf.Tensor) -> list[tf.Tensor]:
            # A tensor from elsewhere has no device yet, which `all_reduce` goes by.
            parts = [tf.identity(tensor) for tensor in mine]
            return list(tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, parts))

        together = list(tensors)
        for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):  # one call takes tensors of one type
            places = [place for place, tensor in enumerate(tensors) if tensor.dtype == dtype]
            sums = self._strategy.run(on_this_device, args=tuple(tensors[place] for place in places))
            for place, total in zip(places, sums, strict=True):
                together[place] = total
        return together


def told_by_chief(team: Team, number: int) -> int:
    """The chief's number, in every worker."""
    (told,) = team.summed([tf.constant(number if team.worker == 0 else 0, tf.int64)])
    return int(told)


def made_alike(team: Team, variables: Sequence[keras.Variable]) -> None:
    """Gives every worker the chief's values; random states, unsigned, stay as they are."""
    moved = [variable for variable in variables if variable.dtype in SUMMED]
    mine = [variable.value if team.worker == 0 else tf.zeros_like(variable.value) for variable in moved]
    _put(moved, team.summed(mine))


def averaged(team: Team, variables: Sequence[keras.Variable]) -> None:
    """Gives every worker the mean over all, of variables that each brings up to date by its own examples."""
    moved = [variable for variable in variables if variable.dtype in FLOATS]
    _put(moved, team.summed([variable.value / team.workers for variable in moved]))


def _put(variables: Sequence[keras.Variable], values: Sequence[tf.Tensor]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


FLOATS = ("float64", "float32", "float16")
SUMMED = (*FLOATS, "int64", "int32")
