"""Metrics from counts; those of drawn samples for all of them at once: the first axis counts samples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from slipline.components.evaluation.cells import Cells, Numbers, Values
from slipline.components.evaluation.estimates import Estimate
from slipline.components.evaluation.tally import CONFIDENCE_BINS, SCORE_BINS


@dataclass(frozen=True, kw_only=True)
class ClassCounts:
    """What tells how well each class is told from the others; int64 [classes].

    Attributes:
      hits: Records of the class that were taken for it.
      records: Records of the class.
      answers: Records taken for it.
    """

    hits: Numbers
    records: Numbers
    answers: Numbers


def class_counts(confusion: Cells, classes: int) -> ClassCounts:
    """The counts of each class, from the cells of a tally."""

    def counted(numbers: Numbers, counts: Numbers) -> Numbers:
        found = np.zeros(classes, np.int64)
        np.add.at(found, numbers, counts)
        return found

    true, predicted = np.divmod(confusion.ids, classes)
    right = true == predicted
    return ClassCounts(
        hits=counted(true[right], confusion.counts[right]),
        records=counted(true, confusion.counts),
        answers=counted(predicted, confusion.counts),
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
