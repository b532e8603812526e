"""The model card: what a model is, what it was made of, how good it is and what it is not for, on a page or two.

After Mitchell et al., Model Cards for Model Reporting (2019). It is Markdown, and the same as HTML.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from slipline.components.artifacts import (
    Anomalies,
    Check,
    Evaluation,
    Examples,
    Release,
    Schema,
    ServableModel,
    Statistics,
    TrainedModel,
)
from slipline.components.evaluation.estimates import Estimate
from slipline.components.evaluation.results import Results, read_results
from slipline.components.training.epoch_history import read_history
from slipline.pipeline.report.kit.format import count, nats, percent, plural
from slipline.pipeline.report.kit.markdown import page_markdown
from slipline.pipeline.report.kit.page import Page, page_html
from slipline.pipeline.report.kit.section import Column, Heading, Part, Reasons, Row, Section, Table, Text, number
from slipline.pipeline.report.origin import executions_behind, given_to
from slipline.pipeline.report.overview import headline, verdict_of
from slipline.pipeline.report.products import AnyProduct, Product, of_kind, products_of
from slipline.pipeline.report.sections.examples import source_rows, spec_of
from slipline.pipeline.report.sections.measures import (
    classes_table,
    comparison_table,
    label_name,
    overall_table,
    slices_table,
    with_interval,
)
from slipline.pipeline.runners.run_report import RunReport
from slipline.pipeline.store.store import Store
from slipline.pipeline.store.tables import RunRow
from slipline.serving.folders.whole_file import write_whole

SHOWN_CLASSES = 40


@dataclass(frozen=True, kw_only=True)
class _Model:
    """What the card is about: an evaluation, and whatever it came from that is on record."""

    product: Product[Evaluation]
    results: Results
    trained: Product[TrainedModel] | None
    among: tuple[AnyProduct, ...]
    release: Release | None

    @property
    def evaluation(self) -> Evaluation:
        return self.product.artifact

    @property
    def names(self) -> tuple[str, ...]:
        return self.evaluation.class_names(len(self.results.overall.classes))


def write_card(run: RunReport, store: Store, report: Path, target: Path) -> bool:
    """Writes the card of the run's model as Markdown and as HTML.

    Args:
      run: How the run went.
      store: Holds where things came from.
      report: The run's report, which the card names.
      target: The HTML file; the Markdown gets the same name with `.md`. Each is there only once it is whole.

    Returns:
      Whether there was a model to write of: one that was measured.
    """
    card = gather(run, store, report)
    if card is None:
        return False
    write_whole(target.with_suffix(".md"), page_markdown(card))
    write_whole(target, page_html(card))
    return True


def gather(run: RunReport, store: Store, report: Path) -> Page | None:
    """Everything on the card; None if the run measured no model. Of several, the last one has it."""
    model = _model(run, products_of(run, store))
    if model is None:
        return None
    with store.session() as session:
        name = session.get_one(RunRow, run.run_id).pipeline
    title = f"{name} version {model.release.version}" if model.release else f"{name}, not released"
    written = f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC"
    return Page(
        title=f"{title}: model card",
        heading=title,
        below=f"Run {run.run_id}, written {written}. The run's report, {report.name}, shows the figures.",
        verdict=verdict_of(run),
        headline=headline(run),
        sections=(
            Section("What it does", [*_purpose(model), Reasons([*_making(model)])]),
            Section("Data", [*_data(model)]),
            Section("How good it is", [*_quality(model)]),
            Section("What it is not for", [*_limits(model)]),
            Section("The gate", [*_gate(model.evaluation.checks)]),
            Section("Digests", [_digests(model)]),
        ),
    )


def _model(run: RunReport, products: tuple[AnyProduct, ...]) -> _Model | None:
    measured = of_kind(products, Evaluation)
    results = read_results(measured[-1].artifact.path) if measured else None
    if results is None:
        return None
    return _Model(
        product=measured[-1],
        results=results,
        trained=measured[-1].behind(TrainedModel),
        among=products,
        release=run.last(Release),
    )


def _purpose(model: _Model) -> Iterator[Part]:
    spec, names = spec_of(model.product.took(Schema)), model.names
    if spec is None:
        return
    image, shown = spec.image, f": {', '.join(names)}" if len(names) <= SHOWN_CLASSES else ""
    yield Text(
        f"It says which of {count(len(names))} {'class' if len(names) == 1 else 'classes'} an image of {image.height} "
        f"x {image.width} pixels and {plural(image.channels, 'channel')} shows, with a probability for each{shown}."
    )


def _making(model: _Model) -> Iterator[str]:
    if model.trained is not None:
        yield from _training(model.trained)
    servable = model.product.took(ServableModel)
    if servable is not None:
        yield f"Signatures: {', '.join(servable.signatures)}"
        if formats := [each.format for each in servable.exports[1:] if not each.withheld]:
            yield f"Other formats: {', '.join(formats)}"
        yield from servable.notes()
    if model.trained is not None and model.trained.made is not None and model.trained.made.frameworks:
        yield f"Made with {', '.join(model.trained.made.frameworks.splitlines())}"


def _training(product: Product[TrainedModel]) -> Iterator[str]:
    trained = product.artifact
    yield f"Network: {trained.network or 'not on record'}, {plural(trained.parameters, 'parameter')}"
    epochs = read_history(trained.history_path)
    told = f"Trained on {plural(trained.records, 'record')}"
    told += f" of {trained.split}" if trained.split else ""
    told += f", all of them in each of {plural(len(epochs), 'epoch')}"
    if trained.validation_records:
        told += f"; {count(trained.validation_records)} more were held out and measured on after each epoch"
    if trained.stopped_early:
        told += "; it ended early, as the loss of those held out no longer fell"
    if trained.epoch is not None:
        told += f"; the weights are those after epoch {trained.epoch}"
    yield f"{told}, in which the loss was {nats(trained.loss)} and the accuracy {percent(trained.accuracy)}"
    rates = [epoch.learning_rate for epoch in epochs]
    rate = f"{rates[0]:g}" if len(set(rates)) == 1 else f"from {rates[0]:g} after the first epoch to {rates[-1]:g}"
    told = f"Optimizer {trained.optimizer or 'not on record'}, learning rate {rate}"
    for name, words in (("batch_size", "batches of"), ("seed", "seed")):
        if (value := product.setting(name)) is not None:
            told += f", {words} {value}"
    yield told


def _data(model: _Model) -> Iterator[Part]:
    examples = model.product.took(Examples)
    if examples is None:
        yield Text("Which examples it was measured on is not on record.")
        return
    lines = [f"{split.name}: {plural(split.records, 'record')}" for split in examples.splits]
    if examples.set_aside:
        lines.append(f"{plural(examples.set_aside, 'record')} that broke the schema were set aside")
    yield Reasons(lines)
    rows: list[Row] = [(split, file, records) for split, file, _, records, _ in source_rows(examples)[:SHOWN_CLASSES]]
    yield Table(("Split", Column("Read from", "long"), number("Records")), rows, "Where the records were read from")
    schema = model.product.took(Schema)
    if schema is not None:
        checked = any(each.took(Schema) == schema for each in of_kind(model.among, Anomalies))
        told = "They were checked against" if checked else "They were read by, but not checked against,"
        spec = spec_of(schema)
        features = f": {spec.image.name} is the encoded image, {spec.label.name} the class number" if spec else ""
        yield Text(f"{told} the schema {schema.path}{features}.")


def _quality(model: _Model) -> Iterator[Part]:
    results, names = model.results, model.names
    yield Text(
        f"Measured with the exported model on the split {model.evaluation.split}. "
        f"{seen_in_training(model.product, model.trained, model.among)} In brackets intervals of "
        f"{results.confidence * 100:g} % confidence."
    )
    yield overall_table(results)
    if results.overall.classes:
        yield Heading("By class")
        yield classes_table(results.overall, names)
    if results.by_feature:
        yield Heading("By other features")
        yield slices_table("Slice", "The records by the value of a feature.", results.by_feature)
    yield Heading("Against the live model")
    yield comparison_table(results.overall, model.evaluation.live_version) or Text("No model was live before this one.")


def _limits(model: _Model) -> Iterator[Part]:
    results = model.results
    yield Reasons(
        (
            "Images that show none of its classes: it always names one, often with a high probability.",
            "Images of another kind than those it was measured on, or of another size; the latter are refused.",
            *not_for(results, model.names),
        )
    )
    if results.untouched is not None:
        yield Heading("On changed images")
        yield slices_table("Images", "As they are, and changed.", [results.untouched, *results.robustness])


def _gate(checks: Sequence[Check]) -> Iterator[Part]:
    if not checks:
        yield Text("No limits are on record.")
        return
    rows = [
        (
            check.setting,
            f"{check.metric}, {check.slice}",
            check.wanted,
            "not defined" if check.measured is None else f"{check.measured:.4f}",
            "yes" if check.passed else "no",
        )
        for check in checks
    ]
    yield Table(("Setting", "About", "Wanted", number("Measured"), "Kept"), rows, "Every limit that it was held to")


def _digests(model: _Model) -> Table:
    executions = executions_behind(model.among)
    rows = [(taken.name, taken.artifact_type, taken.digest) for taken in given_to(executions)]
    rows += [(made.step, made.artifact_type, made.digest) for made in executions]
    if model.release is not None:
        rows.append(("manifest of the release", "sha256", model.release.digest))
    return Table(("What", "Kind", Column("Digest", "code")), rows, "What it was made of, and itself")


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
