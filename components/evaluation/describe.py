"""From counts to results: every metric of a slice with its interval."""

from __future__ import annotations

import math

import numpy as np

from slipline.components.evaluation.cells import Cells, Numbers, Values
from slipline.components.evaluation.estimates import Estimate, mirrored_estimate, percentile_estimate
from slipline.components.evaluation.evaluate_settings import EvaluateParams
from slipline.components.evaluation.measures import (
    ClassMeasures,
    accuracy,
    area_under_curve,
    calibration_error,
    class_measures,
    mean_of,
    of_class,
)
from slipline.components.evaluation.pairing import Pairing, no_rise_p
from slipline.components.evaluation.results import AgainstLive, ClassResult, ReliabilityBin, SliceResult
from slipline.components.evaluation.tally import CONFIDENCE_BINS, Tally

NOT_DEFINED = Estimate(value=None)


def describe(
    name: str, tally: Tally, pairing: Pairing | None, params: EvaluateParams, *, by_class: bool = True
) -> SliceResult:
    """The results of one slice; the same counts and settings give the same intervals, whatever else is measured.

    Args:
      name: What the slice holds.
      tally: Its predictions, counted.
      pairing: The same beside the live model's, if there is one.
      params: Of the intervals.
      by_class: Whether there are records of more than one class, to be told from each other.
    """
    rng = np.random.default_rng(params.seed)
    confusion = tally.confusion.draws(params.resamples, rng)
    confidence = tally.confidence.draws(params.resamples, rng)
    losses = tally.losses.draws(params.resamples, rng)
    measures = class_measures(tally.confusion, confusion, tally.classes) if by_class else None
    classes = _classes(tally, measures, params.confidence) if measures else ()
    return SliceResult(
        name=name,
        records=tally.records,
        accuracy=percentile_estimate(accuracy(tally.confusion, confusion, tally.classes), params.confidence),
        log_loss=percentile_estimate(mean_of(tally.losses, losses), params.confidence),
        calibration_error=mirrored_estimate(calibration_error(tally.confidence, confidence), params.confidence),
        precision=_mean_over_classes("precision", measures, params.confidence),
        recall=_mean_over_classes("recall", measures, params.confidence),
        f1=_mean_over_classes("f1", measures, params.confidence),
        auc=_mean_auc(classes),
        classes=classes,
        reliability=_reliability(tally.confidence, confidence, params.confidence),
        confusion=_triples(tally.confusion, tally.classes),
        against_live=None if pairing is None else _against_live(tally, pairing, params, rng),
    )


def _classes(tally: Tally, measures: ClassMeasures, confidence: float) -> tuple[ClassResult, ...]:
    records = np.bincount(tally.confusion.ids // tally.classes, tally.confusion.counts, minlength=tally.classes)

    def one(number: int) -> ClassResult:
        return ClassResult(
            number=number,
            records=int(records[number]),
            precision=percentile_estimate(measures.precision[:, number], confidence),
            recall=percentile_estimate(measures.recall[:, number], confidence),
            f1=percentile_estimate(measures.f1[:, number], confidence),
            auc=area_under_curve(of_class(tally.scores, number), confidence),
        )

    return tuple(one(number) for number in range(tally.classes))


def _mean_over_classes(metric: str, measures: ClassMeasures | None, confidence: float) -> Estimate:
    """Over the classes that have records; one for which no record was taken counts as 0."""
    if measures is None:
        return NOT_DEFINED
    values: Values = getattr(measures, metric)
    present = ~np.isnan(measures.recall[0])
    drawn = ~np.isnan(measures.recall[:, present])
    means = np.where(drawn, np.nan_to_num(values[:, present]), 0).sum(axis=1) / drawn.sum(axis=1)
    return percentile_estimate(means, confidence)


def _mean_auc(classes: tuple[ClassResult, ...]) -> Estimate:
    found = [each.auc.value for each in classes if each.auc.value is not None]
    return Estimate(value=sum(found) / len(found)) if found else NOT_DEFINED


def _reliability(cells: Cells, draws: Numbers, confidence: float) -> tuple[ReliabilityBin, ...]:
    bins, right = np.divmod(cells.ids, 2)
    found = []
    for number in np.unique(bins):
        here = bins == number
        records = draws[:, here].sum(axis=1)
        hits = draws[:, here & (right == 1)].sum(axis=1)
        shares = np.divide(hits, records, out=np.full(len(records), np.nan), where=records > 0)
        found.append(
            ReliabilityBin(
                low=float(number / CONFIDENCE_BINS),
                high=float((number + 1) / CONFIDENCE_BINS),
                records=int(records[0]),
                confidence=_finite(cells.sums[here].sum() / records[0]) or 0.0,
                accuracy=percentile_estimate(shares, confidence),
            )
        )
    return tuple(found)


def _triples(confusion: Cells, classes: int) -> tuple[tuple[int, int, int], ...]:
    true, predicted = np.divmod(confusion.ids, classes)
    return tuple(zip(true.tolist(), predicted.tolist(), confusion.counts.tolist(), strict=True))


def _against_live(tally: Tally, pairing: Pairing, params: EvaluateParams, rng: np.random.Generator) -> AgainstLive:
    changes = pairing.accuracy_changes(pairing.answers.draws(params.resamples, rng))
    rises = pairing.loss_rises(pairing.rises.draws(params.resamples, rng))
    right = accuracy(tally.confusion, tally.confusion.counts[np.newaxis], tally.classes)[0]
    loss = mean_of(tally.losses, tally.losses.counts[np.newaxis])[0]
    return AgainstLive(
        accuracy=float(right - changes[0]),
        log_loss=_finite(loss - rises[0]),
        accuracy_change=percentile_estimate(changes, params.confidence),
        log_loss_change=percentile_estimate(rises, params.confidence),
        accuracy_p=pairing.accuracy_p,
        log_loss_p=no_rise_p(rises),
        only_candidate_right=pairing.only_candidate_right,
        only_live_right=pairing.only_live_right,
    )


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
