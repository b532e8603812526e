"""What measurements and counts say a model is not for, and how far it may have known what it was measured on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from slipline.components.artifacts import Evaluation, Examples, Statistics, TrainedModel
from slipline.components.evaluation.estimates import Estimate
from slipline.components.evaluation.results import Results
from slipline.pipeline.report.kit.format import plural
from slipline.pipeline.report.products import AnyProduct, Product, of_kind
from slipline.pipeline.report.sections.measures import label_name, with_interval

NOTABLE_CALIBRATION_ERROR = 0.01
"""From here on, that probabilities are not shares is worth a sentence."""


def seen_in_training(
    evaluated: Product[Evaluation], trained: Product[TrainedModel] | None, among: Sequence[AnyProduct]
) -> str:
    """Whether the records that a model was measured on were trained on, as far as that is on record."""
    if trained is None or not trained.artifact.split:
        return "What it was trained on is not on record."
    evaluation, model, examples = evaluated.artifact, trained.artifact, evaluated.took(Examples)
    if examples is None or examples != trained.took(Examples):
        return "It was trained on other examples; whether some records are in both was not counted."
    if evaluation.split == model.split:
        held_out = f" but for {plural(model.validation_records, 'record')} held out" if model.validation_records else ""
        return f"It was trained on these very records{held_out}: how well it does on others was not measured."
    return _copies(evaluation.split, model.split, examples, among)


def _copies(measured: str, learnt: str, examples: Examples, among: Sequence[AnyProduct]) -> str:
    """What the counts of copies say of two splits."""
    for product in of_kind(among, Statistics):
        described = product.took(Examples)
        if described != examples and not _was_left_of(examples, described, among):
            continue
        for copies in product.artifact.copies:
            if {copies.split, copies.of} == {measured, learnt}:
                if not copies.records:
                    return f"No record of it was trained on, which was {learnt}."
                many = plural(copies.records, "record")
                most = "" if described == examples else "Up to "
                alike = f"{most}{many} of {copies.split} have the content of one of {copies.of}"
                return f"It was trained on {learnt}. {alike}."
    return f"It was trained on {learnt}; whether some records are in both was not counted."


def _was_left_of(rest: Examples, examples: Examples | None, among: Sequence[AnyProduct]) -> bool:
    """Whether some of the one's records were set aside to make the other."""
    return examples is not None and any(each.artifact == rest and each.took(Examples) == examples for each in among)


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
                f"{found.name.capitalize()} images: accuracy {with_interval(found.accuracy)} where the same images, "
                f"as they are, have {with_interval(untouched.accuracy)}."
            )


def _weak_classes(results: Results, names: Sequence[str]) -> Iterator[str]:
    for found in results.by_label:
        if _surely_below(found.accuracy, results.overall.accuracy):
            name = label_name(found, names)
            yield f"Class {name}: accuracy {with_interval(found.accuracy)} is below that of all records."


def _probabilities(results: Results) -> Iterator[str]:
    error = results.overall.calibration_error
    if error.low is not None and error.low > NOTABLE_CALIBRATION_ERROR:
        yield f"Decisions by the probabilities alone: these are off by {with_interval(error)} on average."


def _surely_below(one: Estimate, other: Estimate) -> bool:
    """Whether the intervals lie apart."""
    return one.high is not None and other.low is not None and one.high < other.low
