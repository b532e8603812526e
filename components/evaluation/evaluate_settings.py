"""What is measured of a model, and the limits it is held to."""

from __future__ import annotations

import math
from collections.abc import Iterator

from slipline.pipeline.core.component import params

METRICS = ("accuracy", "log_loss", "calibration_error", "precision", "recall", "f1", "auc")
OF_A_CLASS = ("precision", "recall", "f1", "auc")
PAIRED = ("accuracy", "log_loss")
ALL = "all"
EVERY_SLICE = "*"
ROBUSTNESS_KINDS = ("shifted", "rotated", "noisy", "blurred", "inverted")


@params
class Limit:
    """One condition of the gate.

    Attributes:
      metric: One of `accuracy`, `log_loss`, `calibration_error`, and `precision`, `recall`, `f1`, `auc`: of one class,
        or their means over the classes.
      slice: Such as `all`, `label 7`, `rotated`, or `*` for every slice of the records.
      of_class: Number of the class; None for the mean over the classes.
      at_least: Smallest value.
      at_most: Largest value.
      max_worsening: How much worse than the live model's, on the same records; for accuracy and log loss.
      surely: Whether it takes a confidence interval that lies beyond `at_least` or `at_most` as a whole.
    """

    metric: str
    slice: str = ALL
    of_class: int | None = None
    at_least: float | None = None
    at_most: float | None = None
    max_worsening: float | None = None
    surely: bool = False

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise ValueError(f"metric must be one of {', '.join(METRICS)}, got {self.metric!r}")
        if self.at_least is None and self.at_most is None and self.max_worsening is None:
            raise ValueError(f"a limit of {self.metric} needs at_least, at_most or max_worsening")
        if self.of_class is not None and self.metric not in OF_A_CLASS:
            raise ValueError(f"of_class goes with {', '.join(OF_A_CLASS)}, got metric {self.metric!r}")
        if self.max_worsening is not None and self.metric not in PAIRED:
            raise ValueError(f"max_worsening goes with {' and '.join(PAIRED)}, got metric {self.metric!r}")


@params
class RobustnessParams:
    """What is done to images to see how a model bears it.

    Attributes:
      kinds: Some of `shifted`, `rotated`, `noisy`, `blurred` and `inverted`; none of them takes no time.
      records: How many of the split's records, evenly spread, are tried with each.
      shift: Largest shift, each way, in sides of the image.
      rotation_degrees: Largest rotation, either way.
      noise: Standard deviation of Gaussian noise on pixels of 0..1.
      blur: Standard deviation of a Gaussian blur, in sides of the image.
      seed: Of what chance decides.
    """

    kinds: tuple[str, ...] = ROBUSTNESS_KINDS
    records: int = 500
    shift: float = 0.1
    rotation_degrees: float = 15.0
    noise: float = 0.2
    blur: float = 0.04
    seed: int = 1

    def __post_init__(self) -> None:
        if unknown := [kind for kind in self.kinds if kind not in ROBUSTNESS_KINDS]:
            raise ValueError(f"robustness.kinds must be of {', '.join(ROBUSTNESS_KINDS)}, got {unknown[0]!r}")
        for name in ("records", "shift", "rotation_degrees", "noise", "blur"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"robustness.{name} must be greater than 0, got {getattr(self, name)}")


@params
class EvaluateParams:
    """What is measured, and the limits of the gate.

    Attributes:
      split: The split to measure on; no record of it was trained on.
      min_accuracy: Smallest share of right answers, in 0..1.
      max_log_loss: Largest mean log loss, in nats.
      max_accuracy_drop: How much less accurate than the live model it may be, in 0..1.
      max_log_loss_rise: How much larger than the live model's its log loss may be, in nats; infinite for no such limit.
      significance: A model counts as worse than the live one only where chance alone would make it look so less often
        than this, in 0..1; at 1 any difference counts.
      limits: More conditions, of any metric and slice.
      slice_by: Features by whose values, besides the label's, the records are divided.
      max_slices: The records are not divided by a feature of more different values.
      confidence: Of the intervals, in 0..1.
      resamples: Samples drawn for the intervals and for the test of the log loss.
      seed: Of these draws.
      robustness: What is done to images to see how the model bears it.
    """

    split: str = "test"
    min_accuracy: float = 0.97
    max_log_loss: float = 0.1
    max_accuracy_drop: float = 0.005
    max_log_loss_rise: float = math.inf
    significance: float = 0.05
    limits: tuple[Limit, ...] = ()
    slice_by: tuple[str, ...] = ()
    max_slices: int = 100
    confidence: float = 0.95
    resamples: int = 500
    seed: int = 1
    robustness: RobustnessParams = RobustnessParams()

    def __post_init__(self) -> None:
        for name in ("min_accuracy", "max_accuracy_drop"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, got {getattr(self, name)}")
        for name in ("max_log_loss_rise", "max_log_loss"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        if not 0 < self.confidence < 1:
            raise ValueError(f"confidence must lie between 0 and 1, got {self.confidence}")
        if not 0 < self.significance <= 1:
            raise ValueError(f"significance must be greater than 0 and at most 1, got {self.significance}")
        for name, least in (("resamples", 100), ("max_slices", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")

    @property
    def all_limits(self) -> Iterator[tuple[str, Limit]]:
        """Every limit, each with what messages call it."""
        yield "min_accuracy", Limit(metric="accuracy", at_least=self.min_accuracy)
        yield "max_log_loss", Limit(metric="log_loss", at_most=self.max_log_loss)
        yield "max_accuracy_drop", Limit(metric="accuracy", max_worsening=self.max_accuracy_drop)
        if math.isfinite(self.max_log_loss_rise):
            yield "max_log_loss_rise", Limit(metric="log_loss", max_worsening=self.max_log_loss_rise)
        for number, limit in enumerate(self.limits):
            yield f"limits[{number}]", limit
