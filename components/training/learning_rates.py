"""The learning rate of every step, known before the training begins."""

from __future__ import annotations

import numpy as np
from keras.optimizers import schedules
from numpy.typing import NDArray

from slipline.components.training.train_settings import TrainParams


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
