"""What an evaluation found, slice by slice, as it is kept for people and for other tools."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from slipline.components.evaluation.estimates import Estimate
from slipline.components.evaluation.evaluate_settings import RobustnessParams

FILE_NAME = "metrics.json"
"""In the folder of an evaluation."""


@dataclass(frozen=True, kw_only=True)
class ClassResult:
    """How well one class is told from the others.

    Attributes:
      number: The class's.
      records: How many are of it.
      precision: Of the records taken for it, the share that is of it.
      recall: Of its records, the share taken for it.
      f1: The harmonic mean of both.
      auc: The area under the ROC curve of its probability, the class against the rest.
    """

    number: int
    records: int
    precision: Estimate
    recall: Estimate
    f1: Estimate
    auc: Estimate


@dataclass(frozen=True, kw_only=True)
class ReliabilityBin:
    """The records whose predicted class has a probability between two bounds.

    Attributes:
      low: Lower bound.
      high: Upper bound.
      records: How many.
      confidence: Mean probability of the predicted class.
      accuracy: The share of right answers.
    """

    low: float
    high: float
    records: int
    confidence: float
    accuracy: Estimate


@dataclass(frozen=True, kw_only=True)
class AgainstLive:
    """The live model on the same records.

    Attributes:
      accuracy: Its accuracy.
      log_loss: Its mean log loss, in nats.
      accuracy_change: The candidate's accuracy less that.
      log_loss_change: The candidate's log loss less that.
      accuracy_p: How probable so large a loss of accuracy is by chance: the exact one-sided McNemar test.
      log_loss_p: The same of the rise of log loss: a one-sided paired bootstrap.
      only_candidate_right: Records that the candidate alone got right.
      only_live_right: Records that the live model alone got right.
    """

    accuracy: float
    log_loss: float | None
    accuracy_change: Estimate
    log_loss_change: Estimate
    accuracy_p: float
    log_loss_p: float
    only_candidate_right: int
    only_live_right: int


@dataclass(frozen=True, kw_only=True)
class SliceResult:
    """All metrics of one slice.

    Attributes:
      name: What it holds, such as `all`, `label 7` or `rotated`.
      records: How many.
      accuracy: Share of right answers.
      log_loss: Mean of -log(probability of the true class), in nats.
      calibration_error: The expected calibration error.
      precision: Mean over the classes that have records, like the three below; undefined for records of one label.
      recall: Likewise.
      f1: Likewise.
      auc: Likewise, without an interval.
      classes: Of each class; none for records of one label.
      reliability: The bins of the calibration error that hold records.
      confusion: True class, predicted class, records; without those of no records.
      against_live: None where nothing was live, or it was not asked.
    """

    name: str
    records: int
    accuracy: Estimate
    log_loss: Estimate
    calibration_error: Estimate
    precision: Estimate
    recall: Estimate
    f1: Estimate
    auc: Estimate
    classes: tuple[ClassResult, ...]
    reliability: tuple[ReliabilityBin, ...]
    confusion: tuple[tuple[int, int, int], ...]
    against_live: AgainstLive | None


@dataclass(frozen=True, kw_only=True)
class Results:
    """All that was measured.

    Attributes:
      confidence: Of the intervals.
      overall: All records.
      by_label: The records of each label.
      by_feature: Those of each value of other features.
      untouched: The records that were tried with changed images, as they are; None if none were.
      robustness: The same with changed images, by kind of change.
      not_sliced_by: Features that have too many different values, or do not occur.
      tried: How the images were changed; None if none were.
    """

    confidence: float
    overall: SliceResult
    by_label: tuple[SliceResult, ...]
    by_feature: tuple[SliceResult, ...]
    untouched: SliceResult | None
    robustness: tuple[SliceResult, ...]
    not_sliced_by: tuple[str, ...]
    tried: RobustnessParams | None = None

    @property
    def slices(self) -> Iterator[SliceResult]:
        """Every slice that a limit can name."""
        yield self.overall
        yield from self.by_label
        yield from self.by_feature
        yield from self.robustness


def write_results(results: Results, folder: Path) -> None:
    """Writes `metrics.json` into `folder`."""
    (folder / FILE_NAME).write_text(json.dumps(asdict(results), indent=1, allow_nan=False), "utf-8")


def read_results(folder: Path) -> Results | None:
    """What `write_results` wrote there; None if an earlier version did not."""
    from pydantic import TypeAdapter

    file = folder / FILE_NAME
    return TypeAdapter(Results).validate_json(file.read_text("utf-8")) if file.is_file() else None
