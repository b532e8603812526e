"""Metrics from counts, each for many samples at once: the first axis counts samples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from slipline.components.evaluation.cells import Cells, Numbers, Values
from slipline.components.evaluation.estimates import Estimate
from slipline.components.evaluation.tally import CONFIDENCE_BINS, SCORE_BINS


@dataclass(frozen=True, kw_only=True)
class ClassMeasures:
    """How well each class is told from the others; float64 [samples, classes].

    Attributes:
      precision: Of the records taken for the class, the share that is of it; NaN where none was.
      recall: Of the class's records, the share taken for it; NaN where there is none.
      f1: Their harmonic mean, 2 hits / (records of it + records taken for it); NaN where both are none.
    """

    precision: Values
    recall: Values
    f1: Values


def accuracy(confusion: Cells, draws: Numbers, classes: int) -> Values:
    """The share of right answers, float64 [samples].

    Args:
      confusion: The cells of a tally.
      draws: int64 [samples, cells]: how many records each cell has in each sample.
      classes: How many there are.
    """
    right = confusion.ids // classes == confusion.ids % classes
    return _ratio(draws[:, right].sum(axis=1), draws.sum(axis=1))


def class_measures(confusion: Cells, draws: Numbers, classes: int) -> ClassMeasures:
    """Precision, recall and F1 of each class; the arguments are those of `accuracy`."""
    true, predicted = np.divmod(confusion.ids, classes)
    each = np.arange(classes)
    of_class, taken_for = (true[:, np.newaxis] == each).astype(float), (predicted[:, np.newaxis] == each).astype(float)
    hits, records, answers = draws @ (of_class * taken_for), draws @ of_class, draws @ taken_for
    return ClassMeasures(
        precision=_ratio(hits, answers), recall=_ratio(hits, records), f1=_ratio(2 * hits, records + answers)
    )


def mean_of(cells: Cells, draws: Numbers) -> Values:
    """The mean value of the records, float64 [samples], each cell's records taken for their mean."""
    return _ratio(draws @ cells.means, draws.sum(axis=1))


def calibration_error(confidence: Cells, draws: Numbers) -> Values:
    """The expected calibration error, float64 [samples]: |share of right answers - mean confidence|, over the bins.

    Guo et al., On Calibration of Modern Neural Networks (ICML 2017), equation 3.
    """
    bins, right = np.divmod(confidence.ids, 2)
    in_bin = bins[:, np.newaxis] == np.arange(CONFIDENCE_BINS)
    gaps = draws @ (in_bin * (right - confidence.means)[:, np.newaxis])
    return _ratio(np.abs(gaps).sum(axis=1), draws.sum(axis=1))


def area_under_curve(scores: Cells, confidence: float) -> Estimate:
    """The area under the ROC curve of one class against the rest; not defined where one side is empty.

    It is the share of pairs, one record of the class and one of another, in which the class's has the higher score;
    a tie counts half. Its variance follows from the ranks (DeLong et al., 1988), so nothing is drawn; the interval is
    symmetric in log-odds and so stays within 0..1 (Pepe, 2003, section 5.2).

    Args:
      scores: Those cells of a tally's `scores` that are of the class.
      confidence: Of the interval, in 0..1.
    """
    is_true, bins = (scores.ids // SCORE_BINS) % 2 == 1, scores.ids % SCORE_BINS
    hits = np.bincount(bins[is_true], scores.counts[is_true], minlength=SCORE_BINS)
    others = np.bincount(bins[~is_true], scores.counts[~is_true], minlength=SCORE_BINS)
    if not hits.sum() or not others.sum():
        return Estimate(value=None)
    of_hits = (np.cumsum(others) - others / 2) / others.sum()  # the share of the others that a hit in a bin outranks
    of_others = 1 - (np.cumsum(hits) - hits / 2) / hits.sum()  # the share of hits that outrank one of the others
    area = float(hits @ of_hits / hits.sum())
    variance = _variance(of_hits, hits) / hits.sum() + _variance(of_others, others) / others.sum()
    if variance == 0 or not 0 < area < 1:
        return Estimate(value=area)
    log_odds = math.log(area / (1 - area))
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt(variance) / (area * (1 - area))
    low, high = (1 / (1 + math.exp(-(log_odds + step))) for step in (-reach, reach))
    return Estimate(value=area, low=low, high=high)


def _variance(values: Values, counts: Numbers | Values) -> float:
    """The sample variance of values that occur so many times."""
    records = counts.sum()
    spread = counts @ (values - counts @ values / records) ** 2
    return float(spread / max(records - 1, 1))


def of_class(scores: Cells, number: int) -> Cells:
    """Those cells of a tally's `scores` that are of the class with this number."""
    start, end = np.searchsorted(scores.ids, [number * 2 * SCORE_BINS, (number + 1) * 2 * SCORE_BINS])
    chosen = np.zeros(len(scores.ids), bool)
    chosen[start:end] = True
    return scores.among(chosen)


def _ratio(part: Numbers | Values, whole: Numbers | Values) -> Values:
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) != 0)
