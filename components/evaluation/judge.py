"""Holds what was measured against the limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from slipline.components.artifacts import Check, Relation
from slipline.components.evaluation.estimates import Estimate
from slipline.components.evaluation.evaluate_settings import EVERY_SLICE, EvaluateParams, Limit
from slipline.components.evaluation.results import AgainstLive, Results, SliceResult

WORSE: Relation = "worse by at most"


def judge(results: Results, params: EvaluateParams, live_version: int | None) -> tuple[Check, ...]:
    """Every limit on every slice that it is about; of those about the live model, none where nothing was live."""
    return tuple(
        check
        for setting, limit in params.all_limits
        for check in _checks(results, limit, f"evaluate.{setting}", params, live_version)
    )


def _checks(
    results: Results, limit: Limit, setting: str, params: EvaluateParams, live_version: int | None
) -> Iterator[Check]:
    slices = _slices_of(results, limit)
    for relation, bound in _bounds(limit):
        nothing = Check(
            setting=setting,
            metric=limit.metric.replace("_", " ") + ("" if limit.of_class is None else f" of class {limit.of_class}"),
            slice=limit.slice,
            relation=relation,
            limit=bound,
            surely=limit.surely,
            measured=None,
            evidence=f"no record is in that slice; there are {', '.join(found.name for found in results.slices)}",
            passed=False,
        )
        if not slices:
            yield nothing
        for found in slices:
            if relation != WORSE:
                yield _alone(nothing, found, limit, params)
            elif found.against_live is not None:
                yield _beside_live(nothing, found, found.against_live, limit, params, live_version)


def _slices_of(results: Results, limit: Limit) -> list[SliceResult]:
    if limit.slice == EVERY_SLICE:
        return [*results.by_label, *results.by_feature]
    return [found for found in results.slices if found.name == limit.slice]


def _bounds(limit: Limit) -> Iterator[tuple[Relation, float]]:
    bounds: tuple[tuple[Relation, float | None], ...] = (
        ("at least", limit.at_least),
        ("at most", limit.at_most),
        (WORSE, limit.max_worsening),
    )
    for relation, bound in bounds:
        if bound is not None:
            yield relation, bound


def _alone(nothing: Check, found: SliceResult, limit: Limit, params: EvaluateParams) -> Check:
    estimate = _measured(found, limit)
    at_least = nothing.relation == "at least"
    end = estimate.high if at_least else estimate.low
    value = end if limit.surely and end is not None else estimate.value
    return replace(
        nothing,
        slice=found.name,
        measured=estimate.value,
        evidence=_interval(estimate, params.confidence),
        passed=value is not None and (value >= nothing.limit if at_least else value <= nothing.limit),
    )


def _measured(found: SliceResult, limit: Limit) -> Estimate:
    if limit.of_class is None:
        estimate: Estimate = getattr(found, limit.metric)
        return estimate
    of_class = (each for each in found.classes if each.number == limit.of_class)
    return next((getattr(each, limit.metric) for each in of_class), Estimate(value=None))


def _beside_live(
    nothing: Check,
    found: SliceResult,
    against: AgainstLive,
    limit: Limit,
    params: EvaluateParams,
    live_version: int | None,
) -> Check:
    if limit.metric == "accuracy":
        live: float | None = against.accuracy
        drop, p = against.accuracy_change.value, against.accuracy_p
        worsening = None if drop is None else -drop
        test = f"exact McNemar test, {against.only_live_right:,} against {against.only_candidate_right:,} records"
    else:
        worsening, p, live = against.log_loss_change.value, against.log_loss_p, against.log_loss
        test = "paired bootstrap"
    here = _number(_measured(found, limit).value)
    return replace(
        nothing,
        slice=found.name,
        measured=worsening,
        evidence=f"{here} against {_number(live)} of version {live_version}; p = {p:.2g}, {test}",
        passed=worsening is not None and (worsening <= nothing.limit or p > params.significance),
    )


def _number(value: float | None) -> str:
    return "nan" if value is None else f"{value:.4f}"


def _interval(estimate: Estimate, confidence: float) -> str:
    if estimate.low is None or estimate.high is None:
        return ""
    return f"{confidence * 100:g} % interval {estimate.low:.4f} to {estimate.high:.4f}"
