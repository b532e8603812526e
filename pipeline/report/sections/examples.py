"""What the report shows of examples: a few images of each label, how many records have it, and the files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from slipline.components.artifacts import Examples, Schema, Shard, Statistics
from slipline.components.errors import BadData
from slipline.components.examples.record_places import RecordPlaces
from slipline.components.features.schema_io import ExampleSpec, example_spec
from slipline.components.statistics.statistics_io import split_statistics, value_counts
from slipline.pipeline.report.kit.figures import label_counts_figure
from slipline.pipeline.report.kit.format import count, plural
from slipline.pipeline.report.kit.pictures import first_pictures, samples_by_label
from slipline.pipeline.report.kit.section import (
    Column,
    Figure,
    Figures,
    Folded,
    Heading,
    KeyNumber,
    Part,
    Picture,
    Pictures,
    Section,
    Table,
    Text,
    number,
)
from slipline.pipeline.report.products import AnyProduct, Product, of_kind

MOST_CLASSES = 40
"""More are not drawn: nobody reads a picture of them."""

FIRST_PICTURES = 12


def examples_section(product: Product[Examples], among: Sequence[AnyProduct]) -> Section:
    """The data, as they came in; of what is left of others, which are shown themselves, only how much that is."""
    examples = product.artifact
    aside = f"; {count(examples.set_aside)} set aside" if examples.set_aside else ""
    numbers = [KeyNumber("Records", count(examples.records), by_split(examples) + aside)]
    if product.took(Examples) is not None:
        return Section("Data", numbers=numbers)
    if any(each.took(Examples) == examples for each in of_kind(among, Examples)):
        numbers = []
    spec = spec_beside(examples, among)
    parts = (*_samples(examples, spec), *_labels(examples, spec, among), _sources(examples))
    return Section("Data", parts, numbers)


def by_split(examples: Examples) -> str:
    """Such as `60,000 train, 10,000 test`."""
    return ", ".join(f"{count(split.records)} {split.name}" for split in examples.splits)


def spec_beside(examples: Examples, among: Sequence[AnyProduct]) -> ExampleSpec | None:
    """What the schema says of image and label that was used together with the examples; None if it does not tell."""
    for each in among:
        schema = each.took(Schema)
        if schema is not None and each.took(Examples) == examples:
            return spec_of(schema)
    return None


def spec_of(schema: Schema | None) -> ExampleSpec | None:
    """What the schema says of image and label; None if there is none, or it does not tell of both."""
    try:
        return None if schema is None else example_spec(schema)
    except BadData:
        return None


def _samples(examples: Examples, spec: ExampleSpec | None) -> Iterator[Part]:
    if not examples.splits:
        return
    split = examples.splits[0].name
    if spec is None:
        if uris := first_pictures(examples, split, FIRST_PICTURES):
            yield Heading(f"Samples of {split}")
            yield Pictures([Picture([uri], "a sample", ()) for uri in uris])
        return
    yield Heading(f"Samples of {split}")
    names, found = examples.class_names(spec.label.classes), samples_by_label(examples, split, spec)
    if not found:
        yield Text("No record has both an image and a label of the schema.", "quiet")
    yield Pictures(
        [
            Picture(pictures, f"a sample of {names[label]}", [names[label]])
            for label, pictures in found.items()
            if label < MOST_CLASSES
        ]
    )
    if spec.label.classes > MOST_CLASSES:
        yield Text(f"{count(spec.label.classes - MOST_CLASSES)} more classes are not shown.", "quiet")


def _labels(examples: Examples, spec: ExampleSpec | None, among: Sequence[AnyProduct]) -> Iterator[Part]:
    described = (each.artifact for each in of_kind(among, Statistics) if each.took(Examples) == examples)
    statistics = next(described, None)
    if spec is None or statistics is None:
        return
    names, figures = examples.class_names(spec.label.classes)[:MOST_CLASSES], []
    for split in split_statistics(statistics).values():
        feature = next((feature for feature in split.features if feature.name == spec.label.name), None)
        counts = None if feature is None or not feature.HasField("num_stats") else value_counts(feature)
        if counts is not None:
            figure = label_counts_figure(names, [counts.get(label, 0) for label in range(len(names))])
            figures.append(Figure(f"{split.name}, {count(split.num_examples)} records", figure))
    if figures:
        yield Heading("Records by label")
        yield Figures(figures)


def _sources(examples: Examples) -> Folded:
    columns = ("Split", Column("Read from", "long"), number("Files"), number("Records"), number("Shards"))
    rows = source_rows(examples)
    table = Table(columns, rows, "Where the records were read from")
    return Folded(plural(len(rows), "source"), (table,), is_open=len(rows) <= 8)


def source_rows(examples: Examples) -> list[tuple[str, str, str, str, str]]:
    """Split, source, and how many files, records and shards that is, for each source in order."""
    grouped: dict[tuple[str, str], list[Shard]] = {}
    for split in examples.splits:
        for shard in split.shards:
            grouped.setdefault((split.name, shard.source), []).append(shard)
    return [
        (
            split,
            source,
            count(_files(examples, shards)),
            count(sum(shard.records for shard in shards)),
            count(len(shards)),
        )
        for (split, source), shards in grouped.items()
    ]


def _files(examples: Examples, shards: Sequence[Shard]) -> int:
    """The files behind a source: one, or as many as records that are a file each."""
    alone = (shard for shard in shards if RecordPlaces(examples.path / shard.file, shard).source(0)[1] is None)
    return sum(shard.records for shard in alone) or 1
