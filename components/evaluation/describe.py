"""From counts to results: every metric of a slice with its interval."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from slipline.components.evaluation.cells import Cells
from slipline.components.evaluation.estimates import (
    Estimate,
    mirrored_estimate,
    percentile_estimate,
    share_estimate,
    together,
)
from slipline.components.evaluation.evaluate_settings import EvaluateParams
from slipline.components.evaluation.measures import (
    ClassCounts,
    area_under_curve,
    calibration_error,
    class_counts,
    mean_of,
    of_class,
)
from slipline.components.evaluation.pairing import Pairing, no_rise_p
from slipline.components.evaluation.results import AgainstLive, ClassResult, ReliabilityBin, SliceResult
from slipline.components.evaluation.tally import CONFIDENCE_BINS, Tally

NOT_DEFINED = Estimate(value=None)
SPREAD_OF_F1 = math.sqrt(2)
"""A mistake counts in two classes, so that their F1 err together: their mean varies up to twice as much."""


def describe(
    name: str, tally: Tally, pairing: Pairing | None, params: EvaluateParams, *, by_class: bool = True
) -> SliceResult:
    """The results of one slice; the same counts and settings give the same intervals, whatever else is measured.

    Shares have exact intervals; those of other measures come from drawn samples.

    Args:
      name: What the slice holds.
      tally: Its predictions, counted.
      pairing: The same beside the live model's, if there is one.
      params: Of the intervals.
      by_class: Whether there are records of more than one class, to be told from each other.
    """
    rng = np.random.default_rng(params.seed)
    counts = class_counts(tally.confusion, tally.classes)
    classes = _classes(tally, counts, params.confidence) if by_class else ()
    reliability = _reliability(tally.confidence, params.confidence)
    return SliceResult(
        name=name,
        records=tally.records,
        accuracy=share_estimate(int(counts.hits.sum()), tally.records, params.confidence),
        log_loss=percentile_estimate(
            mean_of(tally.losses, tally.losses.draws(params.resamples, rng)), params.confidence
        ),
        calibration_error=_calibration_error(tally.confidence, reliability, params, rng),
        precision=_mean_over_classes([each.precision for each in classes if each.records]),
        recall=_mean_over_classes([each.recall for each in classes if each.records]),
        f1=_mean_over_classes([each.f1 for each in classes if each.records], spread=SPREAD_OF_F1),
        auc=_mean_auc(classes),
        classes=classes,
        reliability=reliability,
        confusion=_triples(tally.confusion, tally.classes),
        against_live=None if pairing is None else _against_live(tally, counts, pairing, params, rng),
    )


def _classes(tally: Tally, counts: ClassCounts, confidence: float) -> tuple[ClassResult, ...]:
    def one(number: int, hits: int, records: int, answers: int) -> ClassResult:
        return ClassResult(
            number=number,
            records=records,
            precision=share_estimate(hits, answers, confidence),
            recall=share_estimate(hits, records, confidence),
            # It grows with the share of hits among the records of the class or taken for it, so it is exact, too.
            f1=share_estimate(hits, records + answers - hits, confidence).mapped(lambda share: 2 * share / (1 + share)),
            auc=area_under_curve(of_class(tally.scores, number), confidence),
        )

    each = zip(counts.hits.tolist(), counts.records.tolist(), counts.answers.tolist(), strict=True)
    return tuple(one(number, *found) for number, found in enumerate(each))


def _mean_over_classes(shares: list[Estimate], spread: float = 1.0) -> Estimate:
    """Over the classes that have records; one for which no record was taken counts as 0."""
    parts = [share.mapped(lambda end: end / len(shares)) for share in shares]
    return together(parts, spread=spread).mapped(_within) if parts else NOT_DEFINED


def _within(end: float) -> float:
    """What lies in 0..1."""
    return min(1.0, max(0.0, end))


def _mean_auc(classes: tuple[ClassResult, ...]) -> Estimate:
    found = [each.auc.value for each in classes if each.auc.value is not None]
    return Estimate(value=sum(found) / len(found)) if found else NOT_DEFINED


def _reliability(cells: Cells, confidence: float) -> tuple[ReliabilityBin, ...]:
    bins, right = np.divmod(cells.ids, 2)
    found = []
    for number in np.unique(bins):
        here = bins == number
        records = int(cells.counts[here].sum())
        found.append(
            ReliabilityBin(
                low=float(number / CONFIDENCE_BINS),
                high=float((number + 1) / CONFIDENCE_BINS),
                records=records,
                confidence=_finite(cells.sums[here].sum() / records) or 0.0,
                accuracy=share_estimate(int(cells.counts[here & (right == 1)].sum()), records, confidence),
            )
        )
    return tuple(found)


def _calibration_error(
    cells: Cells, bins: tuple[ReliabilityBin, ...], params: EvaluateParams, rng: np.random.Generator
) -> Estimate:
    """From drawn samples; where these are all alike, as when every answer was right, from the shares in the bins."""
    drawn = mirrored_estimate(calibration_error(cells, cells.draws(params.resamples, rng)), params.confidence)
    if drawn.value is None or drawn.low is not None:
        return drawn
    shares = (each.records / cells.records for each in bins)
    gaps = [_gap(each).mapped(share.__mul__) for each, share in zip(bins, shares, strict=True)]
    return together(gaps).mapped(_within)


def _gap(found: ReliabilityBin) -> Estimate:
    """How far the share of right answers lies from the confidence, either way."""
    ends = [abs((end or 0.0) - found.confidence) for end in (found.accuracy.low, found.accuracy.high)]
    inside = (found.accuracy.low or 0.0) <= found.confidence <= (found.accuracy.high or 0.0)
    value = abs((found.accuracy.value or 0.0) - found.confidence)
    return Estimate(value=value, low=0.0 if inside else min(ends), high=max(ends))


def _triples(confusion: Cells, classes: int) -> tuple[tuple[int, int, int], ...]:
    true, predicted = np.divmod(confusion.ids, classes)
    return tuple(zip(true.tolist(), predicted.tolist(), confusion.counts.tolist(), strict=True))


def _against_live(
    tally: Tally, counts: ClassCounts, pairing: Pairing, params: EvaluateParams, rng: np.random.Generator
) -> AgainstLive:
    change = _accuracy_change(tally, pairing, params, rng)
    rises = pairing.loss_rises(pairing.rises.draws(params.resamples, rng))
    loss = mean_of(tally.losses, tally.losses.counts[np.newaxis])[0]
    return AgainstLive(
        accuracy=float(counts.hits.sum() / tally.records - (change.value or 0.0)),
        log_loss=_finite(loss - rises[0]),
        accuracy_change=change,
        log_loss_change=percentile_estimate(rises, params.confidence),
        accuracy_p=pairing.accuracy_p,
        log_loss_p=no_rise_p(rises),
        only_candidate_right=pairing.only_candidate_right,
        only_live_right=pairing.only_live_right,
    )


def _accuracy_change(tally: Tally, pairing: Pairing, params: EvaluateParams, rng: np.random.Generator) -> Estimate:
    """From drawn samples; where these are all alike, as when both were right alike, from the shares that differ."""
    drawn = percentile_estimate(
        pairing.accuracy_changes(pairing.answers.draws(params.resamples, rng)), params.confidence
    )
    if drawn.low is not None:
        return drawn
    gained = share_estimate(pairing.only_candidate_right, tally.records, params.confidence)
    lost = share_estimate(pairing.only_live_right, tally.records, params.confidence).mapped(float.__neg__)
    return together([gained, replace(lost, low=lost.high, high=lost.low)])


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
