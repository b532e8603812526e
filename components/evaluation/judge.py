"""Holds what was measured against the limits."""

from __future__ import annotations

import math
from collections.abc import Iterator

from slipline.components.evaluation.estimates import Estimate
from slipline.components.evaluation.evaluate_settings import EVERY_SLICE, EvaluateParams, Limit
from slipline.components.evaluation.results import Results, SliceResult


def judge(results: Results, params: EvaluateParams, live_version: int | None) -> tuple[str, ...]:
    """One sentence for each limit that the candidate is beyond: what was measured, and the limit."""
    return tuple(
        reason
        for setting, limit in params.all_limits
        for found in slices_of(results, limit)
        for reason in _beyond(found, limit, f"evaluate.{setting}", params, live_version)
    ) + tuple(_without_slice(results, params))


def slices_of(results: Results, limit: Limit) -> list[SliceResult]:
    """The slices that a limit is about."""
    if limit.slice == EVERY_SLICE:
        return [*results.by_label, *results.by_feature]
    return [found for found in results.slices if found.name == limit.slice]


def _without_slice(results: Results, params: EvaluateParams) -> Iterator[str]:
    for setting, limit in params.all_limits:
        if not slices_of(results, limit):
            names = ", ".join(found.name for found in results.slices)
            yield f"evaluate.{setting} is about the slice {limit.slice!r}, which no record is in; there are {names}"


def _beyond(
    found: SliceResult, limit: Limit, setting: str, params: EvaluateParams, live_version: int | None
) -> Iterator[str]:
    where = "" if found.name == "all" else f"{found.name}: "
    what = limit.metric.replace("_", " ") + ("" if limit.of_class is None else f" of class {limit.of_class}")
    estimate = measured(found, limit)
    told = f"{where}{what} {_number(estimate.value)}"
    chance = _interval(estimate, params.confidence)
    if limit.at_least is not None and not _reaches(estimate, limit.at_least, limit.surely):
        yield f"{told} is below {setting} {limit.at_least}{chance}"
    if limit.at_most is not None and not _keeps_to(estimate, limit.at_most, limit.surely):
        yield f"{told} is above {setting} {limit.at_most}{chance}"
    if limit.max_worsening is not None and found.against_live is not None:
        yield from _worse(found, limit, f"{told} is", setting, params, live_version)


def measured(found: SliceResult, limit: Limit) -> Estimate:
    """What a limit is about, in a slice."""
    if limit.of_class is None:
        estimate: Estimate = getattr(found, limit.metric)
        return estimate
    of_class = (each for each in found.classes if each.number == limit.of_class)
    return next((getattr(each, limit.metric) for each in of_class), Estimate(value=None))


def _reaches(estimate: Estimate, limit: float, surely: bool) -> bool:
    value = estimate.high if surely and estimate.high is not None else estimate.value
    return value is not None and value >= limit


def _keeps_to(estimate: Estimate, limit: float, surely: bool) -> bool:
    value = estimate.low if surely and estimate.low is not None else estimate.value
    return value is not None and value <= limit


def _worse(
    found: SliceResult, limit: Limit, told: str, setting: str, params: EvaluateParams, live_version: int | None
) -> Iterator[str]:
    against = found.against_live
    assert against is not None  # the caller looked
    margin = limit.max_worsening or 0.0
    if limit.metric == "accuracy":
        drop = against.accuracy_change.value
        worsening, p, live, way = None if drop is None else -drop, against.accuracy_p, against.accuracy, "below"
        test = f"exact McNemar test, {against.only_live_right:,} against {against.only_candidate_right:,} records"
    else:
        worsening, p, live, way = against.log_loss_change.value, against.log_loss_p, _known(against.log_loss), "above"
        test = "paired bootstrap"
    if worsening is None or (worsening > margin and p <= params.significance):
        yield (
            f"{told} {_number(worsening)} {way} the live model's {live:.4f} (version {live_version}), "
            f"more than {setting} {margin} and than chance explains (p = {p:.2g}, {test})"
        )


def _known(value: float | None) -> float:
    return math.nan if value is None else value


def _number(value: float | None) -> str:
    return "nan" if value is None else f"{value:.4f}"


def _interval(estimate: Estimate, confidence: float) -> str:
    if estimate.low is None or estimate.high is None:
        return ""
    return f" ({confidence * 100:g} % interval {estimate.low:.4f} to {estimate.high:.4f})"
