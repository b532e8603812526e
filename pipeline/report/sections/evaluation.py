"""What the report shows of an evaluation: how good the model is, alone and beside the live one, and where it errs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from slipline.components.artifacts import Check, Evaluation, Examples, Schema
from slipline.components.evaluation.results import Results, SliceResult, read_results
from slipline.pipeline.report.kit.format import count, nats, percent, plural, points
from slipline.pipeline.report.kit.intervals import intervals_figure, reliability_figure
from slipline.pipeline.report.kit.section import (
    Beside,
    Cell,
    Column,
    Figure,
    Figures,
    Folded,
    Heading,
    KeyNumber,
    Part,
    Pictures,
    Section,
    Table,
    Text,
    number,
)
from slipline.pipeline.report.products import AnyProduct, Product
from slipline.pipeline.report.sections.examples import spec_of
from slipline.pipeline.report.sections.measures import (
    area,
    classes_table,
    comparison_table,
    label_name,
    measure,
    overall_table,
    slices_table,
)
from slipline.pipeline.report.sections.predictions import Predictions, changed_images, confusion, worst_mistakes

MOST_CLASSES = 40
"""A larger confusion matrix is not drawn: nobody reads it; nor is a figure of more rows."""

FEW_CLASSES, SHORT_NAME = 12, 3
"""Up to so many, of so few letters, the confusion matrix stands beside the table of labels."""


def evaluation_section(product: Product[Evaluation], among: Sequence[AnyProduct]) -> Section:
    """The quality of the model."""
    evaluation = product.artifact
    predictions, results = Predictions.load(evaluation), read_results(evaluation.path)
    names = evaluation.class_names(predictions.classes)
    lead = (
        f"Measured with the exported model on {plural(evaluation.overall.records, 'record')} of {evaluation.split}; "
        f"{plural(predictions.mistakes, 'answer')} {'was' if predictions.mistakes == 1 else 'were'} wrong."
    )
    parts: list[Part] = [Text(lead, "lead")]
    if results is not None:
        parts += [overall_table(results), Heading("Against the live model"), *_beside_live(results, evaluation, names)]
    parts += _by_label(evaluation, predictions, results, names)
    if results is not None:
        parts += [*_by_class(results, names), Heading("Calibration")]
        curve = reliability_figure(results.overall.reliability)
        parts.append(Figure("Right answers by confidence; bars: share of the records", curve))
        parts += [*_by_feature(results), *_changed(results, evaluation, product)]
    parts += [*_mistakes(evaluation, predictions, product, names)]
    return Section("Quality", parts, _numbers(evaluation))


def _numbers(evaluation: Evaluation) -> list[KeyNumber]:
    overall = evaluation.overall
    found = [
        _number(f"{evaluation.split.capitalize()} accuracy", percent(overall.accuracy), "", evaluation, "accuracy"),
        _number("Log loss", nats(overall.log_loss), "nats; ", evaluation, "log loss"),
    ]
    if evaluation.live is not None:
        checks = [each for each in evaluation.checks if each.relation == "worse by at most" and _is_overall(each)]
        limits = [f"{each.metric} {each.wanted}, or by chance" for each in checks]
        found.append(
            KeyNumber(
                f"Against live version {evaluation.live_version}",
                points(overall.accuracy - evaluation.live.accuracy),
                f"of accuracy; the gate allows: {'; '.join(limits)}" if limits else "of accuracy",
                not all(each.passed for each in checks),
            )
        )
    return found


def _number(name: str, value: str, unit: str, evaluation: Evaluation, metric: str) -> KeyNumber:
    checks = [each for each in evaluation.checks if each.metric == metric and _is_overall(each)]
    wanted = [each for each in checks if each.relation != "worse by at most"]
    note = f"{unit}the gate wants {' and '.join(each.wanted for each in wanted)}" if wanted else unit.rstrip("; ")
    return KeyNumber(name, value, note, not all(each.passed for each in wanted))


def _is_overall(check: Check) -> bool:
    return check.slice == "all"


def _beside_live(results: Results, evaluation: Evaluation, names: Sequence[str]) -> Iterator[Part]:
    table = comparison_table(results.overall, evaluation.live_version)
    if table is None:
        yield Text("No model was live before this one.", "quiet")
        return
    yield table
    slices = [("all", results.overall), *((label_name(each, names), each) for each in results.by_label)]
    slices += [(each.name, each) for each in (*results.by_feature, *results.robustness)]
    found = [(name, each.against_live.accuracy_change) for name, each in slices if each.against_live is not None]
    if len(found) <= MOST_CLASSES:
        changes = {"change": [estimate for _, estimate in found]}
        title = "Change of accuracy against the live model, by slice"
        figure = intervals_figure(title, [name for name, _ in found], changes, reference=0.0)
        yield Figure("Change of accuracy by slice, with intervals", figure)


def _by_label(
    evaluation: Evaluation, predictions: Predictions, results: Results | None, names: Sequence[str]
) -> Iterator[Part]:
    matrix: list[Part] = [Heading("Confusion matrix")]
    if len(names) <= MOST_CLASSES:
        matrix.append(confusion(predictions, names))
    else:
        matrix.append(Text(f"Not shown for {count(len(names))} classes.", "quiet"))
    labels: list[Part] = [Heading("By label"), _label_table(evaluation, results, names)]
    if len(names) <= FEW_CLASSES and max(map(len, names)) <= SHORT_NAME:
        yield Beside(matrix, labels)
    else:
        yield from (*matrix, *labels)


def _label_table(evaluation: Evaluation, results: Results | None, names: Sequence[str]) -> Table:
    intervals = {each.name: measure(each.accuracy).below for each in results.by_label} if results else {}
    worst = max((1 - each.accuracy for each in evaluation.slices), default=0.0) or 1.0
    rows = [
        (
            names[int(each.name.removeprefix("label "))],
            count(each.records),
            percent(each.accuracy),
            intervals.get(each.name, ""),
            nats(each.log_loss),
            count(round(each.records * (1 - each.accuracy))),
            Cell(share=(1 - each.accuracy) / worst, tone="bad"),
        )
        for each in evaluation.slices
    ]
    heads = ("Records", "Accuracy", "Interval", "Log loss", "Wrong")
    caption = "The bar is the share of wrong answers, against the worst label."
    return Table(("Label", *map(number, heads), Column("", "bar")), rows, caption)


def _by_class(results: Results, names: Sequence[str]) -> Iterator[Part]:
    classes = results.overall.classes
    if not classes:
        return
    yield Heading("By class")
    if len(classes) <= MOST_CLASSES:
        rows = [names[each.number] for each in classes]
        shares = {
            "precision": [each.precision for each in classes],
            "recall": [each.recall for each in classes],
            "F1": [each.f1 for each in classes],
        }
        areas = {"AUC": [each.auc for each in classes]}
        drawn = intervals_figure("Precision, recall and F1 by class", rows, shares)
        curve = intervals_figure("Area under the ROC curve by class", rows, areas, written=area)
        title = "Area under the ROC curve, against the rest"
        yield Figures((Figure("Precision, recall and F1", drawn), Figure(title, curve)))
    yield Folded("Class by class", (classes_table(results.overall, names),))


def _by_feature(results: Results) -> Iterator[Part]:
    if results.by_feature:
        yield Heading("By other features")
        yield slices_table("Slice", "The records by the value of a feature.", results.by_feature)
        yield from _accuracies("Accuracy; dashed: all records", results.by_feature, results.overall)
    if results.not_sliced_by:
        names = ", ".join(results.not_sliced_by)
        yield Text(f"Not divided by {names}: more different values than evaluate.max_slices.", "quiet")


def _accuracies(title: str, slices: Sequence[SliceResult], against: SliceResult) -> Iterator[Part]:
    if len(slices) <= MOST_CLASSES:
        accuracies = {"accuracy": [each.accuracy for each in slices]}
        rows = [each.name for each in slices]
        figure = intervals_figure("Accuracy by slice", rows, accuracies, reference=against.accuracy.value)
        yield Figure(title, figure)


def _changed(results: Results, evaluation: Evaluation, product: Product[Evaluation]) -> Iterator[Part]:
    if results.untouched is None:
        return
    yield Heading("On changed images")
    tried = [results.untouched, *results.robustness]
    caption = "Records evenly spread over the split, as they are and with their images changed."
    yield slices_table("Images", caption, tried)
    yield from _accuracies("Accuracy; dashed: images as they are", tried, results.untouched)
    examples, spec = product.took(Examples), spec_of(product.took(Schema))
    if examples is not None and spec is not None and results.tried is not None:
        yield Pictures(list(changed_images(examples, evaluation.split, results.tried, spec)))


def _mistakes(
    evaluation: Evaluation, predictions: Predictions, product: Product[Evaluation], names: Sequence[str]
) -> Iterator[Part]:
    yield Heading("Worst mistakes")
    examples, spec = product.took(Examples), spec_of(product.took(Schema))
    if not predictions.mistakes:
        yield Text("Every answer was right.")
    elif examples is None or spec is None:
        yield Text(f"{plural(predictions.mistakes, 'answer')} wrong; the examples are not at hand to show them.")
    else:
        shown = worst_mistakes(predictions, examples, evaluation.split, spec, names)
        told = f"The wrong answers that the model was surest of: {len(shown)} of {count(predictions.mistakes)}."
        yield Text(f"{told} Records are counted from 0.", "quiet")
        yield Pictures(shown, beside=True)
