"""Settings of the training, each checked when it is built."""

from __future__ import annotations

import math
from dataclasses import field

from slipline.pipeline.core.component import NAMES_CODE, params

OPTIMIZERS = ("adadelta", "adafactor", "adagrad", "adam", "adamax", "adamw", "ftrl", "lion", "nadam", "rmsprop", "sgd")
"""Keras' optimizers, by its own names."""

WITH_MOMENTUM = ("rmsprop", "sgd")
SCHEDULES = ("constant", "cosine", "exponential", "step")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@params
class AugmentParams:
    """How images are changed, anew in each epoch, before the network learns from them; nothing by default.

    What chance decides for an image depends on seed, epoch and its place in the epoch alone. What is uncovered at the
    edges is 0. The model that comes out knows nothing of it.

    Attributes:
      shift_pixels: Largest shift, each way.
      rotate_degrees: Largest rotation about the middle, either way.
      zoom: Largest change of size, as a share of it, either way.
      flip: Whether half of the images are mirrored, left to right.
      noise: Standard deviation of Gaussian noise on pixels of 0..1.
    """

    shift_pixels: float = 0.0
    rotate_degrees: float = 0.0
    zoom: float = 0.0
    flip: bool = False
    noise: float = 0.0

    def __post_init__(self) -> None:
        for name in ("shift_pixels", "rotate_degrees", "noise"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"augment.{name} must be at least 0, got {getattr(self, name)}")
        if not 0 <= self.zoom < 1:
            raise ValueError(f"augment.zoom must be from 0 to less than 1, got {self.zoom}")

    @property
    def moves(self) -> bool:
        """Whether pixels change places."""
        return self.shift_pixels > 0 or self.rotate_degrees > 0 or self.zoom > 0 or self.flip


@params
class TrainParams:
    """Network, optimizer and schedule of one training.

    Attributes:
      network: `package.module:function` that builds the network; see `slipline.components.training.network`.
      split: The split to learn from.
      validation_fraction: Share of the split held out, chosen by seed and never learnt from; measured after each epoch.
      epochs: Most passes over the split.
      batch_size: Examples a step, over all workers together.
      optimizer: One of `OPTIMIZERS`.
      learning_rate: Of the optimizer; the default is Keras' own for Adam.
      momentum: Of `sgd` and `rmsprop`.
      weight_decay: Share of each weight, times the learning rate, taken off in a step.
      clip_norm: Gradients of a greater norm, over all weights together, are shortened to it; inf: never.
      schedule: How the learning rate goes on after the warm-up: `constant`; `cosine` and `exponential`, falling with
        each step; `step`, falling as `exponential` does, but at each epoch's end.
      final_share: What of the learning rate is left at the last step, unless it is constant.
      warmup_epochs: In which the learning rate rises from 0, evenly with each step.
      stop_after_epochs: How many epochs in a row without a better validation loss end the training, which then keeps
        the best epoch's weights; 0: all epochs are run, and the last one's weights kept.
      min_improvement: Of the validation loss, in nats, for an epoch to count as better.
      precision: What layers compute in: `float32`, `mixed_bfloat16` or `mixed_float16`, the latter with loss scaling.
        Weights, probabilities and the model that comes out are float32.
      workers: Processes on this machine that share each batch. Ignored where TF_CONFIG names a cluster.
      keep_every_steps: How often to keep what was learnt within an epoch, so that less is done again after a kill; 0:
        after each epoch only.
      seed: Decides initial weights, what is held out, the order of examples and how they are changed.
      augment: How images are changed.
    """

    network: str = field(default="slipline.components.training.network:digits", metadata=NAMES_CODE)
    split: str = "train"
    validation_fraction: float = 0.0
    epochs: int = 5
    batch_size: int = 64
    optimizer: str = "adam"
    learning_rate: float = 0.001
    momentum: float = 0.0
    weight_decay: float = 0.0
    clip_norm: float = math.inf
    schedule: str = "constant"
    final_share: float = 0.01
    warmup_epochs: float = 0.0
    stop_after_epochs: int = 0
    min_improvement: float = 0.0
    precision: str = "float32"
    workers: int = 1
    keep_every_steps: int = 0
    seed: int = 1
    augment: AugmentParams = AugmentParams()

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "learning_rate", "workers"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be greater than 0, got {getattr(self, name)}")
        for name in ("weight_decay", "warmup_epochs", "stop_after_epochs", "min_improvement", "keep_every_steps"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, got {self.seed}")
        if self.network.count(":") != 1:
            raise ValueError(f"network must read package.module:function, got {self.network!r}")
        self._check_choices()
        self._check_optimizer()
        self._check_what_goes_together()

    def _check_choices(self) -> None:
        for name, choices in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES), ("precision", PRECISIONS)):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}")
        if not 0 <= self.validation_fraction < 1:
            raise ValueError(f"validation_fraction must be from 0 to less than 1, got {self.validation_fraction}")
        if not 0 < self.final_share <= 1:
            raise ValueError(f"final_share must be greater than 0 and at most 1, got {self.final_share}")

    def _check_optimizer(self) -> None:
        if not self.clip_norm > 0:
            raise ValueError(f"clip_norm must be greater than 0 (inf: never clipped), got {self.clip_norm}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must be from 0 to less than 1, got {self.momentum}")
        if self.momentum and self.optimizer not in WITH_MOMENTUM:
            raise ValueError(
                f"momentum goes with {' and '.join(WITH_MOMENTUM)}, got {self.momentum} with {self.optimizer}"
            )
        if self.optimizer == "adamw" and not self.weight_decay:
            raise ValueError("adamw without weight decay is adam; set weight_decay, such as 0.004, or take adam")

    def _check_what_goes_together(self) -> None:
        if self.warmup_epochs > self.epochs:
            raise ValueError(f"warmup_epochs must be at most epochs, {self.epochs}, got {self.warmup_epochs}")
        if self.workers > self.batch_size:
            raise ValueError(f"workers must be at most batch_size, {self.batch_size}, got {self.workers}")
        if self.stop_after_epochs and not self.validation_fraction:
            raise ValueError(
                f"stop_after_epochs={self.stop_after_epochs} goes by the validation loss; set validation_fraction, "
                "such as 0.1"
            )
        if self.min_improvement and not self.stop_after_epochs:
            raise ValueError(f"min_improvement={self.min_improvement} goes with stop_after_epochs, which is 0")
