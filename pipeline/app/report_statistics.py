"""What the report says about the features: a line for each feature and split, and for each slice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slipline.components.artifacts import Statistics
from slipline.components.statistics.statistics_io import (
    DatasetStatistics,
    FeatureStatistics,
    common_statistics,
    custom_number,
    label_counts,
    slice_statistics,
    split_statistics,
)
from slipline.pipeline.app.report_artifacts import made_by
from slipline.pipeline.app.report_format import NARROW_SPACE, count, percent, significant
from slipline.pipeline.app.report_records import slices_by_feature
from slipline.pipeline.runners.local import RunReport

SHOWN_VALUES = 5
SHOWN_CHARACTERS = 24
MOST_SLICE_MEANS = 4


@dataclass(frozen=True, kw_only=True)
class FeatureLine:
    """A feature in one split.

    Attributes:
      feature: Its name.
      split: The split.
      cells: One for each column of the table after those two.
    """

    feature: str
    split: str
    cells: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class FeatureTable:
    """The features of one kind, those of one name one after the other.

    Attributes:
      title: The kind.
      note: How to read it.
      columns: Heads of the cells.
      words: Whether the last column holds words, not numbers.
      lines: A feature in a split each.
    """

    title: str
    note: str
    columns: tuple[str, ...]
    words: bool
    lines: tuple[FeatureLine, ...]


@dataclass(frozen=True, kw_only=True)
class SliceTable:
    """The slices of a split by one feature.

    Attributes:
      split: The split.
      feature: By whose value it is sliced.
      columns: Heads of the means.
      lines: For each slice its value, records, share of the split's, and means.
    """

    split: str
    feature: str
    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class FeatureTables:
    """All features, by kind, and all slices."""

    features: tuple[FeatureTable, ...]
    slices: tuple[SliceTable, ...]


@dataclass(frozen=True)
class _InSplit:
    split: str
    feature: FeatureStatistics


def statistics_of(run: RunReport) -> FeatureTables | None:
    """The statistics of the run's examples; None if it came to none."""
    statistics = made_by(run, "compute_statistics", Statistics)
    if statistics is None:
        return None
    splits = split_statistics(statistics)
    found = [_InSplit(split, feature) for split, dataset in splits.items() for feature in dataset.features]
    # Python's sort keeps the order of splits within a feature.
    found.sort(key=lambda each: each.feature.name)
    tables = (_numbers(found), _texts(found), _images(found), _bytes(found), _others(found))
    return FeatureTables(
        features=tuple(table for table in tables if table.lines),
        slices=tuple(table for split in splits for table in _slices(statistics, split, splits[split])),
    )


def _presence(feature: FeatureStatistics) -> tuple[str, str]:
    common = common_statistics(feature)
    return count(common.num_non_missing), count(common.num_missing)


def _distinct(feature: FeatureStatistics) -> str:
    """The number of different values, with the relative standard error of a count that is not exact."""
    values, error = custom_number(feature, "distinct_values"), custom_number(feature, "distinct_error")
    if values is None:
        return ""
    return count(round(values)) + (f" ±{NARROW_SPACE}{error * 100:.1f}{NARROW_SPACE}%" if error else "")


def _numbers(found: Sequence[_InSplit]) -> FeatureTable:
    return FeatureTable(
        title="Numbers",
        note="10 % and 90 %: the values below which that share of all values lies.",
        columns=(
            *("Type", "Present", "Missing", "Mean", "Std dev", "Min", "10 %", "Median", "90 %", "Max", "Zeros"),
            *("Distinct", "Not finite"),
        ),
        words=False,
        lines=tuple(
            FeatureLine(feature=each.feature.name, split=each.split, cells=_number_cells(each.feature))
            for each in found
            if each.feature.HasField("num_stats")
        ),
    )


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


def _texts(found: Sequence[_InSplit]) -> FeatureTable:
    return FeatureTable(
        title="Texts",
        note="Length in characters.",
        columns=("Present", "Missing", "Distinct", "Mean length", "Most frequent values"),
        words=True,
        lines=tuple(
            FeatureLine(
                feature=each.feature.name,
                split=each.split,
                cells=(
                    *_presence(each.feature),
                    _distinct(each.feature),
                    significant(each.feature.string_stats.avg_length),
                    _top_values(each.feature),
                ),
            )
            for each in found
            if each.feature.HasField("string_stats")
        ),
    )


def _top_values(feature: FeatureStatistics) -> str:
    shown = feature.string_stats.top_values[:SHOWN_VALUES]
    if not shown:
        return "none is frequent"
    if shown[0].frequency == 1:
        return "each occurs once"
    return ", ".join(f"{_shortened(top.value)} ({count(round(top.frequency))})" for top in shown)


def _shortened(value: str) -> str:
    return value if len(value) <= SHOWN_CHARACTERS else value[: SHOWN_CHARACTERS - 1] + "…"


def _is_image(feature: FeatureStatistics) -> bool:
    return custom_number(feature, "decoded_images") is not None


def _images(found: Sequence[_InSplit]) -> FeatureTable:
    return FeatureTable(
        title="Images",
        note="Pixels from 0 to 255; size as width x height x channels; mode as Pillow names it.",
        columns=("Present", "Missing", "Undecodable", "Distinct", "Pixel mean", "Std dev", "Bytes", "Size and mode"),
        words=True,
        lines=tuple(
            FeatureLine(feature=each.feature.name, split=each.split, cells=_image_cells(each.feature))
            for each in found
            if _is_image(each.feature)
        ),
    )


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


def _bytes(found: Sequence[_InSplit]) -> FeatureTable:
    return FeatureTable(
        title="Other bytes",
        note="Sizes in bytes.",
        columns=("Present", "Missing", "Distinct", "Mean size", "Min", "Max"),
        words=False,
        lines=tuple(
            FeatureLine(
                feature=each.feature.name,
                split=each.split,
                cells=(
                    *_presence(each.feature),
                    _distinct(each.feature),
                    significant(each.feature.bytes_stats.avg_num_bytes),
                    significant(each.feature.bytes_stats.min_num_bytes),
                    significant(each.feature.bytes_stats.max_num_bytes),
                ),
            )
            for each in found
            if each.feature.HasField("bytes_stats") and not _is_image(each.feature)
        ),
    )


def _others(found: Sequence[_InSplit]) -> FeatureTable:
    return FeatureTable(
        title="Records that are no examples",
        note="They count as missing: they are other bytes than a tf.Example.",
        columns=("Present", "Missing"),
        words=False,
        lines=tuple(
            FeatureLine(feature=each.feature.name, split=each.split, cells=_presence(each.feature))
            for each in found
            if each.feature.HasField("struct_stats")
        ),
    )


def _slices(statistics: Statistics, split: str, whole: DatasetStatistics) -> Iterator[SliceTable]:
    for feature, slices in slices_by_feature(slice_statistics(statistics, split)).items():
        means = _means(whole, besides=feature)
        yield SliceTable(
            split=split,
            feature=feature,
            columns=tuple(f"Pixel mean of {name}" if _is_image(of) else f"Mean {name}" for name, of in means.items()),
            lines=tuple(
                (
                    value,
                    count(dataset.num_examples),
                    percent(dataset.num_examples / max(1, whole.num_examples)),
                    *(_mean(dataset, name) for name in means),
                )
                for value, dataset in slices.items()
            ),
        )


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
