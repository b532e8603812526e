"""What the report shows of statistics: a line for each feature and split, and each slice; and records that repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from slipline.components.artifacts import Examples, Statistics
from slipline.components.statistics.duplicates import Place, read_duplicates
from slipline.components.statistics.statistics_io import (
    DatasetStatistics,
    FeatureStatistics,
    common_statistics,
    custom_number,
    label_counts,
    slice_statistics,
    split_statistics,
)
from slipline.pipeline.report.kit.format import NARROW_SPACE, count, percent, plural, shortened, significant
from slipline.pipeline.report.kit.pictures import place_of
from slipline.pipeline.report.kit.section import Column, Columns, Folded, Heading, Part, Section, Table, Text, number
from slipline.pipeline.report.products import AnyProduct, Product

SHOWN_VALUES = 5
SHOWN_CHARACTERS = 24
SHOWN_COPIES = 3
MOST_SLICE_MEANS = 4
MOST_LINES = 24
"""Tables of more are folded."""


@dataclass(frozen=True)
class _Kind:
    """One kind of features: its title, how to read its table, the heads and the cells after feature and split."""

    title: str
    note: str
    columns: Sequence[str]
    of: Callable[[FeatureStatistics], bool]
    cells: Callable[[FeatureStatistics], Sequence[str]]
    ends_in_words: bool = False


def statistics_section(product: Product[Statistics], among: Sequence[AnyProduct]) -> Section:
    """The statistics."""
    statistics = product.artifact
    splits = split_statistics(statistics)
    return Section(
        "Statistics",
        (
            *_features(splits),
            *_slices(statistics, splits),
            *_duplicates(statistics, splits, product.took(Examples)),
        ),
    )


def _features(splits: Mapping[str, DatasetStatistics]) -> Iterator[Part]:
    found = [(feature, split) for split, dataset in splits.items() for feature in dataset.features]
    # Python's sort keeps the order of splits within a feature.
    found.sort(key=lambda each: each[0].name)
    for kind in _KINDS:
        rows = [(feature.name, split, *kind.cells(feature)) for feature, split in found if kind.of(feature)]
        last: list[str | Column] = [Column(kind.columns[-1], "long" if kind.ends_in_words else "number")]
        table = Table(["Feature", "Split", *map(number, kind.columns[:-1]), *last], rows, kind.note, "small")
        if len(rows) > MOST_LINES:
            yield Folded(f"{kind.title}: {len(rows)} lines", (table,))
        elif rows:
            yield Heading(kind.title)
            yield table


def _presence(feature: FeatureStatistics) -> tuple[str, str]:
    common = common_statistics(feature)
    return count(common.num_non_missing), count(common.num_missing)


def _distinct(feature: FeatureStatistics) -> str:
    """The number of different values, with the relative standard error of a count that is not exact."""
    values, error = custom_number(feature, "distinct_values"), custom_number(feature, "distinct_error")
    if values is None:
        return ""
    return count(round(values)) + (f" ±{NARROW_SPACE}{error * 100:.1f}{NARROW_SPACE}%" if error else "")


def _number_cells(feature: FeatureStatistics) -> tuple[str, ...]:
    numbers = feature.num_stats
    deciles = [bucket.high_value for histogram in numbers.histograms[1:] for bucket in histogram.buckets]
    kind = FeatureStatistics.Type.Name(feature.type).lower()
    not_finite = count(round(custom_number(feature, "not_finite") or 0))
    if not numbers.histograms:  # no value is finite
        return (kind, *_presence(feature), *("",) * 8, _distinct(feature), not_finite)
    low, high = (significant(deciles[0]), significant(deciles[-2])) if len(deciles) > 1 else ("", "")
    return (
        kind,
        *_presence(feature),
        significant(numbers.mean, 4),
        significant(numbers.std_dev, 4),
        significant(numbers.min, 4),
        low,
        significant(numbers.median, 4),
        high,
        significant(numbers.max, 4),
        count(numbers.num_zeros),
        _distinct(feature),
        not_finite,
    )


def _text_cells(feature: FeatureStatistics) -> tuple[str, ...]:
    length = significant(feature.string_stats.avg_length)
    return (*_presence(feature), _distinct(feature), length, _top_values(feature))


def _top_values(feature: FeatureStatistics) -> str:
    shown = feature.string_stats.top_values[:SHOWN_VALUES]
    if not shown:
        return "none is frequent"
    if shown[0].frequency == 1:
        return "each occurs once"
    return ", ".join(f"{shortened(top.value, SHOWN_CHARACTERS)} ({count(round(top.frequency))})" for top in shown)


def _is_image(feature: FeatureStatistics) -> bool:
    return custom_number(feature, "decoded_images") is not None


def _image_cells(feature: FeatureStatistics) -> tuple[str, ...]:
    size = " x ".join(_range(feature, f"decoded_{side}") for side in ("width", "height", "channels"))
    modes = ", ".join(
        f"{mode} ({count(images)})" for mode, images in (label_counts(feature, "decoded_mode") or {}).items()
    )
    return (
        *_presence(feature),
        count(round(custom_number(feature, "undecodable_images") or 0)),
        _distinct(feature),
        significant(custom_number(feature, "pixel_mean") or 0.0),
        significant(custom_number(feature, "pixel_std_dev") or 0.0),
        significant(feature.bytes_stats.avg_num_bytes),
        f"{size}; {modes}" if modes else size,
    )


def _range(feature: FeatureStatistics, name: str) -> str:
    least, greatest = custom_number(feature, f"{name}_min") or 0, custom_number(feature, f"{name}_max") or 0
    return f"{least:.0f}" if least == greatest else f"{least:.0f}–{greatest:.0f}"


def _bytes_cells(feature: FeatureStatistics) -> tuple[str, ...]:
    sizes = feature.bytes_stats
    told = map(significant, (sizes.avg_num_bytes, sizes.min_num_bytes, sizes.max_num_bytes))
    return (*_presence(feature), _distinct(feature), *told)


_KINDS = (
    _Kind(
        "Numbers",
        "10 % and 90 %: the values below which that share of all values lies.",
        (
            *("Type", "Present", "Missing", "Mean", "Std dev", "Min", "10 %", "Median", "90 %", "Max", "Zeros"),
            *("Distinct", "Not finite"),
        ),
        lambda feature: feature.HasField("num_stats"),
        _number_cells,
    ),
    _Kind(
        "Texts",
        "Length in characters.",
        ("Present", "Missing", "Distinct", "Mean length", "Most frequent values"),
        lambda feature: feature.HasField("string_stats"),
        _text_cells,
        ends_in_words=True,
    ),
    _Kind(
        "Images",
        "Pixels from 0 to 255; size as width x height x channels; mode as Pillow names it.",
        ("Present", "Missing", "Undecodable", "Distinct", "Pixel mean", "Std dev", "Bytes", "Size and mode"),
        _is_image,
        _image_cells,
        ends_in_words=True,
    ),
    _Kind(
        "Other bytes",
        "Sizes in bytes.",
        ("Present", "Missing", "Distinct", "Mean size", "Min", "Max"),
        lambda feature: feature.HasField("bytes_stats") and not _is_image(feature),
        _bytes_cells,
    ),
    _Kind(
        "Records that are no examples",
        "They count as missing: they are other bytes than a tf.Example.",
        ("Present", "Missing"),
        lambda feature: feature.HasField("struct_stats"),
        _presence,
    ),
)


def _slices(statistics: Statistics, splits: Mapping[str, DatasetStatistics]) -> Iterator[Part]:
    tables = [table for split in splits for table in _slice_tables(statistics, split, splits[split])]
    if tables:
        yield Folded(f"{plural(len(tables), 'table')} of slices", tables)


def _slice_tables(statistics: Statistics, split: str, whole: DatasetStatistics) -> Iterator[Table]:
    for feature, slices in slices_by_feature(slice_statistics(statistics, split)).items():
        means = _means(whole, besides=feature)
        heads = (f"Pixel mean of {name}" if _is_image(of) else f"Mean {name}" for name, of in means.items())
        rows = [
            (
                value,
                count(dataset.num_examples),
                percent(dataset.num_examples / max(1, whole.num_examples)),
                *(_mean(dataset, name) for name in means),
            )
            for value, dataset in slices.items()
        ]
        columns: Columns = (feature, number("Records"), number("Share"), *map(number, heads))
        yield Table(columns, rows, f"{split} by {feature}", "compact")


def slices_by_feature(slices: Mapping[str, DatasetStatistics]) -> dict[str, dict[str, DatasetStatistics]]:
    """Slices named `label=7`, first by the feature, then by its value."""
    found: dict[str, dict[str, DatasetStatistics]] = {}
    for name, dataset in slices.items():
        feature, _, value = name.partition("=")
        found.setdefault(feature, {})[value] = dataset
    return found


def _means(whole: DatasetStatistics, besides: str) -> dict[str, FeatureStatistics]:
    """The first few features that have a mean, images before numbers."""
    images = {feature.name: feature for feature in whole.features if _is_image(feature)}
    numbers = {feature.name: feature for feature in whole.features if feature.HasField("num_stats")}
    together = {name: feature for name, feature in {**images, **numbers}.items() if name != besides}
    return dict(list(together.items())[:MOST_SLICE_MEANS])


def _mean(dataset: DatasetStatistics, name: str) -> str:
    for feature in dataset.features:
        if feature.name == name:
            if feature.HasField("num_stats"):
                return significant(feature.num_stats.mean, 4) if feature.num_stats.histograms else ""
            pixels = custom_number(feature, "pixel_mean")
            return "" if pixels is None else significant(pixels)
    return ""


def _duplicates(
    statistics: Statistics, splits: Mapping[str, DatasetStatistics], examples: Examples | None
) -> Iterator[Part]:
    if not statistics.copies:  # nobody counted them
        return
    yield Heading("Duplicates and leaks")
    if not any(each.records for each in statistics.copies):
        yield Text("neither within a split nor between splits.", "good", "None found,")
        return
    caption = (
        "Records with the same content, of images with the same pixels. Within a split, the first of each is not "
        "counted. Records are numbered from 0."
    )
    columns = ("Split", "Found", number("Records"), number("Share"), Column("First ones", "long"))
    rows = [
        (
            copies.split,
            "again in the split" if copies.of == copies.split else f"in {copies.of} too",
            count(copies.records),
            percent(copies.records / (splits[copies.split].num_examples or 1)),
            "; ".join(
                f"{_place(examples, copies.split, copy.record)} as {_place(examples, copies.of, copy.of)}"
                for copy in copies.first[:SHOWN_COPIES]
            ),
        )
        for copies in read_duplicates(statistics).copies
    ]
    yield Table(columns, rows, caption)


def _place(examples: Examples | None, split: str, place: Place) -> str:
    if examples is None:
        return f"shard {place.shard} record {place.record}"
    return place_of(examples, examples.split(split).shards[place.shard], place.record)[0]
