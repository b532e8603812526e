"""What the report says of a model's metrics: each value with its interval, by class, by slice, on changed images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from slipline.components.evaluation.estimates import Estimate
from slipline.components.evaluation.results import Results, SliceResult
from slipline.pipeline.app.report_format import count, nats, percent, points, signed
from slipline.pipeline.app.report_intervals import Series, intervals_figure, reliability_figure

MOST_ROWS = 40
"""Of a figure; nobody reads more."""

NONE = "not defined"


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One value in words, and its interval; the interval is empty where there is none."""

    name: str
    value: str
    interval: str


@dataclass(frozen=True, kw_only=True)
class SliceLine:
    """One line of a table of slices."""

    name: str
    records: str
    measures: tuple[Measure, ...]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A metric of the new model beside the live one's.

    Attributes:
      chance: How probable so large a disadvantage is by chance, and by which test.
      better: Whether the new model's is at least as good.
      surely_worse: Whether it is worse by more than chance explains.
    """

    metric: str
    candidate: str
    live: str
    difference: str
    interval: str
    chance: str
    better: bool


@dataclass(frozen=True, kw_only=True)
class Measured:
    """All that is told of the metrics; figures are `<svg>` elements, empty where there is nothing to draw.

    Attributes:
      confidence: Of the intervals, such as `95 %`.
      overall: The metrics of all records.
      comparison: Empty if no model was live.
      changes: The change of accuracy by slice.
      classes: A line for each class: precision, recall, F1, AUC.
      class_figure: Precision, recall and F1.
      auc_figure: AUC.
      reliability: Right answers by confidence.
      features: Slices by other features than the label.
      feature_figure: Their accuracy.
      robustness: The records tried, as they are, and by kind of change.
      robustness_figure: Their accuracy.
      not_sliced_by: Features with too many values.
    """

    confidence: str
    overall: tuple[Measure, ...]
    comparison: tuple[Comparison, ...]
    changes: str
    classes: tuple[SliceLine, ...]
    class_figure: str
    auc_figure: str
    reliability: str
    features: tuple[SliceLine, ...]
    feature_figure: str
    robustness: tuple[SliceLine, ...]
    robustness_figure: str
    not_sliced_by: tuple[str, ...]


def measured_of(results: Results, names: Sequence[str]) -> Measured:
    """What is told of `results`, with the names of the classes."""
    overall = results.overall
    tried = [*([results.untouched] if results.untouched else []), *results.robustness]
    return Measured(
        confidence=f"{results.confidence * 100:g} %",
        overall=measures_of(overall),
        comparison=comparison_of(overall),
        changes=_changes_figure(results, names),
        classes=tuple(
            SliceLine(
                name=names[each.number],
                records=count(each.records),
                measures=(
                    measure("Precision", each.precision),
                    measure("Recall", each.recall),
                    measure("F1", each.f1),
                    measure("AUC", each.auc, area),
                ),
            )
            for each in overall.classes
        ),
        class_figure=_class_figure(overall, names),
        auc_figure=_auc_figure(overall, names),
        reliability=reliability_figure("reliability", overall.reliability),
        features=tuple(map(slice_line, results.by_feature)),
        feature_figure=_accuracy_figure("slices", results.by_feature, overall),
        robustness=tuple(map(slice_line, tried)),
        robustness_figure=_accuracy_figure("robustness", tried, results.untouched),
        not_sliced_by=results.not_sliced_by,
    )


def measures_of(found: SliceResult) -> tuple[Measure, ...]:
    """Every metric of a slice that is defined there."""
    every = (
        measure("Accuracy", found.accuracy),
        measure("Log loss, nats", found.log_loss, nats),
        measure("Precision, mean over the classes", found.precision),
        measure("Recall, mean over the classes", found.recall),
        measure("F1, mean over the classes", found.f1),
        measure("AUC, mean over the classes", found.auc, area),
        measure("Expected calibration error", found.calibration_error),
    )
    return tuple(each for each in every if each.value != NONE)


def slice_line(found: SliceResult) -> SliceLine:
    """The line of one slice: accuracy, log loss, F1 and calibration error."""
    return SliceLine(
        name=found.name,
        records=count(found.records),
        measures=(
            measure("Accuracy", found.accuracy),
            measure("Log loss", found.log_loss, nats),
            measure("F1", found.f1),
            measure("Calibration error", found.calibration_error),
        ),
    )


def measure(name: str, estimate: Estimate, written: Callable[[float], str] = percent) -> Measure:
    """A value and its interval in words."""
    if estimate.value is None:
        return Measure(name=name, value=NONE, interval="")
    if estimate.low is None or estimate.high is None:
        return Measure(name=name, value=written(estimate.value), interval="")
    return Measure(
        name=name, value=written(estimate.value), interval=f"{written(estimate.low)} to {written(estimate.high)}"
    )


def area(value: float) -> str:
    """An area under a curve, such as `0.99988`."""
    return f"{value:.5f}"


def comparison_of(found: SliceResult) -> tuple[Comparison, ...]:
    """The new model beside the live one, on the same records; empty if none was live."""
    live = found.against_live
    if live is None:
        return ()
    accuracy = measure("", live.accuracy_change, points)
    loss = measure("", live.log_loss_change, lambda value: signed(value, 4))
    return (
        Comparison(
            metric="Accuracy",
            candidate=measure("", found.accuracy).value,
            live=percent(live.accuracy),
            difference=accuracy.value,
            interval=accuracy.interval,
            chance=f"{probability(live.accuracy_p)}: exact McNemar test, {count(live.only_candidate_right)} records "
            f"gained and {count(live.only_live_right)} lost",
            better=(live.accuracy_change.value or 0.0) >= 0,
        ),
        Comparison(
            metric="Log loss",
            candidate=measure("", found.log_loss, nats).value,
            live=NONE if live.log_loss is None else nats(live.log_loss),
            difference=loss.value,
            interval=loss.interval,
            chance=f"{probability(live.log_loss_p)}: paired bootstrap",
            better=(live.log_loss_change.value or 0.0) <= 0,
        ),
    )


def probability(value: float) -> str:
    """Such as `0.031`, or `below 0.001`."""
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def _changes_figure(results: Results, names: Sequence[str]) -> str:
    slices = [("all", results.overall), *((_label(each, names), each) for each in results.by_label)]
    slices += [(each.name, each) for each in (*results.by_feature, *results.robustness)]
    found = [(name, each.against_live.accuracy_change) for name, each in slices if each.against_live is not None]
    if not found or len(found) > MOST_ROWS:
        return ""
    series = Series(name="change", estimates=[estimate for _, estimate in found])
    title = "Change of accuracy against the live model, by slice"
    return intervals_figure("changes", title, [name for name, _ in found], [series], reference=0.0)


def _label(found: SliceResult, names: Sequence[str]) -> str:
    return names[int(found.name.removeprefix("label "))]


def _class_figure(overall: SliceResult, names: Sequence[str]) -> str:
    if not 0 < len(overall.classes) <= MOST_ROWS:
        return ""
    series = [
        Series(name="precision", estimates=[each.precision for each in overall.classes]),
        Series(name="recall", estimates=[each.recall for each in overall.classes]),
        Series(name="F1", estimates=[each.f1 for each in overall.classes]),
    ]
    rows = [names[each.number] for each in overall.classes]
    return intervals_figure("classes", "Precision, recall and F1 by class", rows, series)


def _auc_figure(overall: SliceResult, names: Sequence[str]) -> str:
    if not 0 < len(overall.classes) <= MOST_ROWS:
        return ""
    series = Series(name="AUC", estimates=[each.auc for each in overall.classes])
    rows = [names[each.number] for each in overall.classes]
    return intervals_figure("auc", "Area under the ROC curve by class", rows, [series], written=area)


def _accuracy_figure(identity: str, slices: Sequence[SliceResult], against: SliceResult | None) -> str:
    if not slices or len(slices) > MOST_ROWS:
        return ""
    series = Series(name="accuracy", estimates=[each.accuracy for each in slices])
    reference = None if against is None else against.accuracy.value
    return intervals_figure(
        identity, "Accuracy by slice", [each.name for each in slices], [series], reference=reference
    )
