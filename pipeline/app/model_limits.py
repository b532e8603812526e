"""The limits of a model: those it was held to, and those that its measurements show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slipline.components.evaluation.estimates import Estimate
from slipline.components.evaluation.evaluate_settings import EvaluateParams, Limit
from slipline.components.evaluation.judge import judge, measured, slices_of
from slipline.components.evaluation.results import Results, SliceResult
from slipline.pipeline.app.report_format import percent

NOTABLE_CALIBRATION_ERROR = 0.01
"""From here on, that probabilities are not shares is worth a sentence."""


@dataclass(frozen=True, kw_only=True)
class LimitLine:
    """One limit of the gate.

    Attributes:
      setting: Its name, such as `evaluate.min_accuracy`.
      about: What it is about.
      wanted: The limit in words.
      measured: What was measured.
      kept: Whether the model keeps to it.
    """

    setting: str
    about: str
    wanted: str
    measured: str
    kept: bool


def limit_lines(results: Results, params: EvaluateParams) -> tuple[LimitLine, ...]:
    """Every limit of the gate, with what was measured; one about the live model is left out where none was live."""
    reasons = judge(results, params, None)
    return tuple(
        LimitLine(
            setting=f"evaluate.{setting}",
            about=f"{limit.metric.replace('_', ' ')}{_of_class(limit)}, {found.name}",
            wanted=_wanted(limit),
            measured=_measured(found, limit),
            kept=not any(f"evaluate.{setting} " in reason and _is_about(reason, found) for reason in reasons),
        )
        for setting, limit in params.all_limits
        for found in slices_of(results, limit)
        if limit.max_worsening is None or found.against_live is not None
    )


def _is_about(reason: str, found: SliceResult) -> bool:
    return found.name == "all" or reason.startswith(f"{found.name}: ")


def _of_class(limit: Limit) -> str:
    return "" if limit.of_class is None else f" of class {limit.of_class}"


def _wanted(limit: Limit) -> str:
    words = []
    if limit.at_least is not None:
        words.append(f"at least {limit.at_least:g}")
    if limit.at_most is not None:
        words.append(f"at most {limit.at_most:g}")
    if limit.max_worsening is not None:
        words.append(f"worse than the live model by at most {limit.max_worsening:g}, or by chance")
    return " and ".join(words) + (", surely" if limit.surely else "")


def _measured(found: SliceResult, limit: Limit) -> str:
    estimate = measured(found, limit)
    if limit.max_worsening is not None and found.against_live is not None:
        live = found.against_live
        estimate = live.accuracy_change if limit.metric == "accuracy" else live.log_loss_change
    if estimate.value is None:
        return "not defined"
    sign = "+" if limit.max_worsening is not None else ""
    return f"{estimate.value:{sign}.4f}"


def not_for(results: Results, names: Sequence[str]) -> tuple[str, ...]:
    """What the measurements say the model should not be trusted with, a sentence each."""
    return (*_changed_images(results), *_weak_classes(results, names), *_probabilities(results))


def _changed_images(results: Results) -> Iterator[str]:
    untouched = results.untouched
    if untouched is None:
        yield "What it makes of shifted, rotated, noisy, blurred or inverted images was not measured."
        return
    for found in results.robustness:
        if _surely_below(found.accuracy, untouched.accuracy):
            yield (
                f"{found.name.capitalize()} images: accuracy {_with_interval(found.accuracy)} where the same images, "
                f"as they are, have {_with_interval(untouched.accuracy)}."
            )


def _weak_classes(results: Results, names: Sequence[str]) -> Iterator[str]:
    for found in results.by_label:
        if _surely_below(found.accuracy, results.overall.accuracy):
            name = names[int(found.name.removeprefix("label "))]
            yield f"Class {name}: accuracy {_with_interval(found.accuracy)} is below that of all records."


def _probabilities(results: Results) -> Iterator[str]:
    error = results.overall.calibration_error
    if error.low is not None and error.low > NOTABLE_CALIBRATION_ERROR:
        yield f"Decisions by the probabilities alone: these are off by {_with_interval(error)} on average."


def _surely_below(one: Estimate, other: Estimate) -> bool:
    """Whether the intervals lie apart."""
    return one.high is not None and other.low is not None and one.high < other.low


def _with_interval(estimate: Estimate) -> str:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "not defined"
    return f"{percent(estimate.value)} ({percent(estimate.low)} to {percent(estimate.high)})"
