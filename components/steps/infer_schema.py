"""Proposes a schema, for a person to review and commit."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from slipline.components.artifacts import Schema, Statistics
from slipline.components.features.schema_io import CLASS_NAMES, decoded_shape, write_schema
from slipline.components.schemas.schema_domains import TYPES, Seen, propose_domain
from slipline.components.schemas.schema_rules import SERVING
from slipline.components.statistics.statistics_io import custom_number, split_statistics
from slipline.components.statistics.statistics_messages import RECORD
from slipline.pipeline.core.component import component

USUAL_SIZE = (0.5, 2.0)
"""A split half or twice as large as last time is no ordinary day."""

PRESENCE_Z = 3.0
"""Standard errors below the observed share that still count as chance: about one in a thousand runs."""


@component
def infer_schema(statistics: Statistics, out: Path) -> Schema:
    """The schema that the examples of all splits fit, with what looks odd said in comments.

    It approves the very data it was made from, broken records among them: it is worth nothing until a person has
    reviewed it. Only images that do not decode, or whose size is not the commonest, break it.

    Args:
      statistics: Of examples that are mostly right.
      out: Gets `schema.pbtxt`.

    Returns:
      Types, presence, number of values, domains, the size of decoded images, and limits for drift, skew and size; how
      they are chosen is told in `schema_domains.py` and `schema_limits.py`.

    Raises:
      BadData: The statistics cannot be read.
    """
    splits = split_statistics(statistics)
    schema = Schema(path=out)
    proposed = proposed_schema(splits)
    _name_classes(proposed, statistics.class_names)
    write_schema(proposed, schema.path / "schema.pbtxt", head=_head(splits))
    return schema


def _name_classes(schema: schema_pb2.Schema, names: tuple[str, ...] | None) -> None:
    """Says of the one feature of class numbers, beside images, what its classes are; production does not send it."""
    labels = [feature for feature in schema.feature if feature.int_domain.is_categorical]
    if len(labels) == 1 and any(decoded_shape(feature) for feature in schema.feature):
        labels[0].not_in_environment.append(SERVING)
        if names is not None:
            labels[0].annotation.tag.append(CLASS_NAMES + json.dumps(names))


def _head(splits: Mapping[str, statistics_pb2.DatasetFeatureStatistics]) -> str:
    sizes = ", ".join(f"{name} ({split.num_examples:,} records)" for name, split in splits.items())
    return (
        f"Proposed from the statistics of {sizes}.\n"
        "It approves the very data it was made from, broken records among them. A person must review every line, the\n"
        "comments first, mend what is wrong, delete what is not meant, and then this note."
    )


def proposed_schema(splits: Mapping[str, statistics_pb2.DatasetFeatureStatistics]) -> schema_pb2.Schema:
    """The proposal as a message.

    Args:
      splits: Statistics of each split, by its name; those of no records are passed over.
    """
    filled = {name: split for name, split in splits.items() if split.num_examples}
    by_name: dict[str, list[Seen]] = {}
    for name, split in filled.items():
        for feature in split.features:
            if feature.type in TYPES:
                by_name.setdefault(feature.name, []).append(
                    Seen(split=name, records=split.num_examples, statistics=feature)
                )
    schema = schema_pb2.Schema(feature=[_feature(name, by_name[name], filled) for name in sorted(by_name)])
    if filled:
        _propose_sizes(schema.dataset_constraints, min(split.num_examples for split in filled.values()))
    _remark(schema, _broken_records(filled))
    return schema


def _remark(message: schema_pb2.Schema | schema_pb2.Feature, comments: Iterable[str]) -> None:
    for comment in comments:  # without any, not even an empty annotation
        message.annotation.comment.append(comment)


def _propose_sizes(constraints: schema_pb2.DatasetConstraints, smallest: int) -> None:
    least, most = USUAL_SIZE
    constraints.min_examples_count = max(1, math.floor(least * smallest))
    constraints.num_examples_drift_comparator.min_fraction_threshold = least
    constraints.num_examples_drift_comparator.max_fraction_threshold = most


def _broken_records(splits: Mapping[str, statistics_pb2.DatasetFeatureStatistics]) -> Iterator[str]:
    for name, split in splits.items():
        for feature in split.features:
            if feature.name == RECORD:
                yield f"records of {name} that are no tf.Example: {custom_number(feature, 'not_tf_example') or 0:,.0f}"


def _feature(
    name: str, seen: Sequence[Seen], splits: Mapping[str, statistics_pb2.DatasetFeatureStatistics]
) -> schema_pb2.Feature:
    feature = schema_pb2.Feature(name=name, type=_commonest_type(seen))
    lacking = [split for split in splits if split not in {each.split for each in seen if each.present}]
    comments = [*_propose_presence(feature, seen, lacking), *_other_types(seen)]
    typed = [each for each in seen if each.present and TYPES[each.statistics.type] == feature.type]
    if typed:
        _set_length(feature, [each for each in seen if each.present])
        comments.extend(propose_domain(feature, typed))
    _remark(feature, comments)
    return feature


def _commonest_type(seen: Sequence[Seen]) -> int:
    values: Counter[int] = Counter()
    for each in seen:
        values[TYPES[each.statistics.type]] += each.common.tot_num_values
    return values.most_common(1)[0][0]


def _propose_presence(feature: schema_pb2.Feature, seen: Sequence[Seen], lacking: Sequence[str]) -> Iterator[str]:
    """Everywhere if it is never missing; else a share that chance does not fall below, on the safe side of 2 digits."""
    if lacking:
        yield f"no record of {', '.join(lacking)} has it: is it meant to be optional?"
        return
    feature.presence.min_count = 1
    least = min(seen, key=lambda each: each.present / each.records)
    share = least.present / least.records
    if share == 1:
        feature.presence.min_fraction = 1.0
        return
    chance = PRESENCE_Z * math.sqrt(share * (1 - share) / least.records)
    feature.presence.min_fraction = max(0.0, math.floor((share - chance) * 100) / 100)
    missing = ", ".join(f"{each.records - each.present:,} of {each.records:,} in {each.split}" for each in seen)
    yield f"records without it: {missing}"


def _other_types(seen: Sequence[Seen]) -> Iterator[str]:
    types = {each.split: statistics_pb2.FeatureNameStatistics.Type.Name(each.statistics.type) for each in seen}
    if len(set(types.values())) > 1:
        yield f"not of one type: {', '.join(f'{kind} in {split}' for split, kind in types.items())}"
    for each in seen:
        others = custom_number(each.statistics, "values_of_other_types") or 0
        if others:
            yield f"values of other types in {each.split}: {others:,.0f}"


def _set_length(feature: schema_pb2.Feature, present: Sequence[Seen]) -> None:
    least = min(each.common.min_num_values for each in present)
    most = max(each.common.max_num_values for each in present)
    if least < most:
        feature.value_count.CopyFrom(schema_pb2.ValueCount(min=least, max=most))
    else:
        feature.shape.CopyFrom(schema_pb2.FixedShape(dim=[] if most == 1 else [schema_pb2.FixedShape.Dim(size=most)]))
