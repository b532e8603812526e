"""Proposes a schema, for a person to review and commit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from components.schema_io import DECODED_SHAPE, write_schema
from components.statistics_io import RECORD, common_statistics, custom_number, read_statistics, value_counts
from pipeline.artifacts import Schema, Statistics
from pipeline.component import component

FeatureStatistics: TypeAlias = statistics_pb2.FeatureNameStatistics
TYPES = {
    FeatureStatistics.INT: schema_pb2.INT,
    FeatureStatistics.FLOAT: schema_pb2.FLOAT,
    FeatureStatistics.BYTES: schema_pb2.BYTES,
}


@component
def infer_schema(statistics: Statistics, out: Path) -> Schema:
    """The narrowest schema that the examples of all splits fit, with what looks odd said in comments.

    It approves the very data it was made from, broken records among them: it is worth nothing until a person has
    reviewed it.

    Args:
      statistics: Of examples that are mostly right.
      out: Gets `schema.pbtxt`.

    Returns:
      Types, presence, number of values, range of integers, and the size of decoded images.

    Raises:
      BadData: The statistics cannot be read.
    """
    by_name: dict[str, list[FeatureStatistics]] = {}
    splits = read_statistics(statistics).datasets
    for split in splits:
        for feature in split.features:
            by_name.setdefault(feature.name, []).append(feature)
    by_name.pop(RECORD, None)
    schema = Schema(path=out)
    features = [_feature(name, found, everywhere=len(found) == len(splits)) for name, found in sorted(by_name.items())]
    write_schema(schema_pb2.Schema(feature=features), out / "schema.pbtxt")
    return schema


def _feature(name: str, found: Sequence[FeatureStatistics], *, everywhere: bool) -> schema_pb2.Feature:
    feature = schema_pb2.Feature(name=name, type=TYPES[found[0].type], presence=_presence(found, everywhere))
    _set_length(feature, found)
    if feature.type == schema_pb2.INT:
        feature.int_domain.CopyFrom(_int_domain(name, found))
    elif any(custom_number(each, "decoded_images") for each in found):
        feature.image_domain.minimum_supported_image_fraction = 1.0
        feature.annotation.tag.append(DECODED_SHAPE + ",".join(str(_commonest(found, side)) for side in SIDES))
    for oddity in _oddities(found):
        feature.annotation.comment.append(oddity)
    return feature


SIDES = ("decoded_height", "decoded_width", "decoded_channels")


def _presence(found: Sequence[FeatureStatistics], everywhere: bool) -> schema_pb2.FeaturePresence:
    missing = sum(common_statistics(each).num_missing for each in found)
    return schema_pb2.FeaturePresence(min_count=1, min_fraction=1.0 if everywhere and not missing else None)


def _set_length(feature: schema_pb2.Feature, found: Sequence[FeatureStatistics]) -> None:
    least = min(common_statistics(each).min_num_values for each in found)
    most = max(common_statistics(each).max_num_values for each in found)
    if least < most:
        feature.value_count.CopyFrom(schema_pb2.ValueCount(min=least, max=most))
    else:
        feature.shape.CopyFrom(schema_pb2.FixedShape(dim=[] if most == 1 else [schema_pb2.FixedShape.Dim(size=most)]))


def _int_domain(name: str, found: Sequence[FeatureStatistics]) -> schema_pb2.IntDomain:
    low = int(min(each.num_stats.min for each in found))
    high = int(max(each.num_stats.max for each in found))
    values: set[int] = set()
    for each in found:
        values.update(value_counts(each) or ())
    # Class numbers are those from 0 up that all occur.
    return schema_pb2.IntDomain(name=name, min=low, max=high, is_categorical=values == set(range(high + 1)) or None)


def _commonest(found: Sequence[FeatureStatistics], side: str) -> int:
    counts = _merged_counts(found, side)
    return max(counts, key=lambda value: counts[value], default=0)


def _merged_counts(found: Sequence[FeatureStatistics], name: str) -> dict[int, int]:
    merged: dict[int, int] = {}
    for each in found:
        for value, count in (value_counts(each, name) or {}).items():
            merged[value] = merged.get(value, 0) + count
    return dict(sorted(merged.items()))


def _oddities(found: Sequence[FeatureStatistics]) -> list[str]:
    odd = [f"{side} is not always the same: {_merged_counts(found, side)}" for side in SIDES if _varies(found, side)]
    for name in ("undecodable_images", "values_of_other_types", "not_finite"):
        count = sum(custom_number(each, name) or 0 for each in found)
        if count:
            odd.append(f"{name}: {count:,.0f}")
    return odd


def _varies(found: Sequence[FeatureStatistics], side: str) -> bool:
    return len(_merged_counts(found, side)) > 1
