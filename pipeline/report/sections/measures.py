"""Measured values in words and tables, each with its interval; what the report and the model card have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from slipline.components.evaluation.estimates import Estimate
from slipline.components.evaluation.results import Results, SliceResult
from slipline.pipeline.report.kit.format import count, nats, percent, points, signed
from slipline.pipeline.report.kit.section import Cell, Column, Row, Table, number

NONE = "not defined"


def measure(estimate: Estimate, written: Callable[[float], str] = percent) -> Cell:
    """A value in words, and its interval below it."""
    if estimate.value is None:
        return Cell(NONE)
    if estimate.low is None or estimate.high is None:
        return Cell(written(estimate.value))
    return Cell(written(estimate.value), below=f"{written(estimate.low)} to {written(estimate.high)}")


def area(value: float) -> str:
    """An area under a curve, such as `0.99988`."""
    return f"{value:.5f}"


def with_interval(estimate: Estimate) -> str:
    """Such as `98.00 % (89.35 % to 99.95 %)`."""
    cell = measure(estimate)
    return f"{cell.text} ({cell.below})" if cell.below else cell.text


def overall_table(results: Results) -> Table:
    """Every metric of all records that is defined."""
    found = results.overall
    every = (
        ("Accuracy", measure(found.accuracy)),
        ("Log loss, nats", measure(found.log_loss, nats)),
        ("Precision, mean over the classes", measure(found.precision)),
        ("Recall, mean over the classes", measure(found.recall)),
        ("F1, mean over the classes", measure(found.f1)),
        ("AUC, mean over the classes", measure(found.auc, area)),
        ("Expected calibration error", measure(found.calibration_error)),
    )
    caption = (
        f"All records, with intervals of {results.confidence * 100:g} % confidence: what other records of the same "
        "kind might have given."
    )
    rows = [(name, cell.text, cell.below) for name, cell in every if cell.text != NONE]
    return Table(("Metric", number("Value"), number("Interval")), rows, caption, "compact")


def slices_table(what: str, caption: str, slices: Sequence[SliceResult]) -> Table:
    """A line for each slice: accuracy, log loss, F1 and calibration error."""
    heads = ("Accuracy", "Log loss", "F1", "Calibration error")
    rows: list[Row] = [
        (
            found.name,
            count(found.records),
            *(measure(found.accuracy), measure(found.log_loss, nats)),
            *map(measure, (found.f1, found.calibration_error)),
        )
        for found in slices
    ]
    return Table((what, number("Records"), *map(number, heads)), rows, f"{caption} Below each value its interval.")


def classes_table(found: SliceResult, names: Sequence[str]) -> Table:
    """A line for each class: precision, recall, F1 and AUC."""
    heads = ("Precision", "Recall", "F1", "AUC")
    rows: list[Row] = [
        (
            names[each.number],
            count(each.records),
            *map(measure, (each.precision, each.recall, each.f1)),
            measure(each.auc, area),
        )
        for each in found.classes
    ]
    caption = "Each class against the rest. Below each value its interval."
    return Table(("Class", number("Records"), *map(number, heads)), rows, caption)


def comparison_table(found: SliceResult, live_version: int | None) -> Table | None:
    """The new model beside the live one, on the same records; None if none was live."""
    live = found.against_live
    if live is None:
        return None
    accuracy = measure(live.accuracy_change, points)
    loss = measure(live.log_loss_change, lambda value: signed(value, 4))
    gained, lost = count(live.only_candidate_right), count(live.only_live_right)
    rows = (
        (
            "Accuracy",
            measure(found.accuracy).text,
            percent(live.accuracy),
            Cell(accuracy.text, "good" if (live.accuracy_change.value or 0.0) >= 0 else "bad"),
            accuracy.below,
            f"{_probability(live.accuracy_p)}: exact McNemar test, {gained} records gained and {lost} lost",
        ),
        (
            "Log loss",
            measure(found.log_loss, nats).text,
            NONE if live.log_loss is None else nats(live.log_loss),
            Cell(loss.text, "good" if (live.log_loss_change.value or 0.0) <= 0 else "bad"),
            loss.below,
            f"{_probability(live.log_loss_p)}: paired bootstrap",
        ),
    )
    heads = ("This model", f"Live, version {live_version}", "Difference", "Interval")
    caption = (
        "Both on the same records. The last column tells how probable so large a disadvantage is for a model that is "
        "as good."
    )
    return Table(("Metric", *map(number, heads), Column("By chance", "long")), rows, caption, "compact")


def _probability(value: float) -> str:
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def label_name(found: SliceResult, names: Sequence[str]) -> str:
    """The name of the class whose records a slice holds."""
    return names[int(found.name.removeprefix("label "))]
