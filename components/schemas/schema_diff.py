"""What differs between two schemas, feature by feature, whatever the order in which they are written."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias, TypeVar

import numpy as np
from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from tensorflow_metadata.proto.v0 import schema_pb2

from slipline.components.features.schema_io import DECODED_SHAPE
from slipline.components.schemas.schema_text import feature_text

M = TypeVar("M", bound=Message)


class Effect(Enum):
    """What a change does to the data that pass."""

    ADDED = "added"
    REMOVED = "removed"
    WIDENED = "widened"
    NARROWED = "narrowed"
    CHANGED = "changed"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference.

    Attributes:
      feature: The feature's name; empty for what is asked of the data as a whole.
      field: Where in the schema's message, such as `int_domain.max`; empty for a whole feature.
      kind: Whether more or fewer data pass than before, or other ones.
      text: What is asked now, and what was.
    """

    feature: str
    field: str
    kind: Effect
    text: str

    @property
    def sentence(self) -> str:
        """All of it, for people."""
        return f"{self.feature or 'data set'}: {self.text} ({self.kind.value})"


@dataclass(frozen=True)
class Length:
    """How many values a record has, and how that is written: some ways to write it ask the same."""

    least: int
    most: float
    written: str


class Words(tuple[str, ...]):
    """Several texts."""


Leaf: TypeAlias = bool | int | float | str | Words | Length
Leaves: TypeAlias = dict[str, Leaf]
"""What a message states: single values by their path in it, such as `int_domain.max`."""

UNORDERED = frozenset(("value", "tag", "comment", "in_environment", "not_in_environment", "default_environment"))
LENGTH = "shape_type"
IMAGE_SIZE = "decoded_shape"

WORDS = {
    LENGTH: "values a record",
    IMAGE_SIZE: "image size",
    "presence.min_fraction": "least share of records that have it",
    "presence.min_count": "fewest records that have it",
    "int_domain.min": "least value",
    "int_domain.max": "greatest value",
    "int_domain.is_categorical": "class numbers",
    "float_domain.min": "least value",
    "float_domain.max": "greatest value",
    "string_domain.value": "words",
    "image_domain.minimum_supported_image_fraction": "least share of readable images",
    "annotation.comment": "comments",
    "annotation.tag": "tags",
    "dataset_constraints.min_examples_count": "fewest records of a split",
    "dataset_constraints.max_examples_count": "most records of a split",
    "dataset_constraints.num_examples_drift_comparator.min_fraction_threshold": "fewest records against the run before",
    "dataset_constraints.num_examples_drift_comparator.max_fraction_threshold": "most records against the run before",
    **{
        f"{name}_comparator.{measure}.threshold": f"{name} limit ({measure})"
        for name in ("drift", "skew")
        for measure in ("infinity_norm", "jensen_shannon_divergence")
    },
}
"""Plain words for fields; any other field is called by its path."""


def compare_schemas(before: schema_pb2.Schema, after: schema_pb2.Schema) -> tuple[Change, ...]:
    """Every difference; none if the messages are equal up to the order of features, words, comments and environments.

    Raises:
      BadData: A feature that only one of them has states an image size that is not three numbers.
    """
    old, new = _by_name(before.feature), _by_name(after.feature)
    changes = list(_compare("", _dataset(before), _dataset(after)))
    for name in sorted({*old, *new}):
        if name not in old:
            changes.append(_whole(name, Effect.ADDED, new[name], after))
        elif name not in new:
            changes.append(_whole(name, Effect.REMOVED, old[name], before))
        else:
            changes.extend(_compare(name, _of_feature(old[name]), _of_feature(new[name])))
    return tuple(changes)


def _by_name(messages: Iterable[M]) -> dict[str, M]:
    """Messages by their name, whatever their order; those of a name that was used before get a number too."""
    named: dict[str, M] = {}
    used: Counter[str] = Counter()
    for message in sorted(messages, key=lambda message: repr(sorted(_leaves(message, "")))):
        name = str(getattr(message, "name"))  # noqa: B009
        used[name] += 1
        named[f"{name} ({used[name]})" if used[name] > 1 else name] = message
    return named


def _dataset(schema: schema_pb2.Schema) -> Leaves:
    rest = schema_pb2.Schema()
    rest.CopyFrom(schema)
    rest.ClearField("feature")
    return dict(_leaves(rest, ""))


def _whole(name: str, kind: Effect, feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> Change:
    return Change(feature=name, field="", kind=kind, text=feature_text(feature, schema).sentence)


def _of_feature(feature: schema_pb2.Feature) -> Leaves:
    """Everything that is stated of a feature; two features are equal if their leaves are."""
    rest = schema_pb2.Feature()
    rest.CopyFrom(feature)
    sizes = tuple(sorted(tag for tag in feature.annotation.tag if tag.startswith(DECODED_SHAPE)))
    leaves: Leaves = {}
    if sizes:
        leaves[IMAGE_SIZE] = ", ".join(tag.removeprefix(DECODED_SHAPE) for tag in sizes)
        rest.annotation.tag[:] = [tag for tag in feature.annotation.tag if tag not in sizes]
        if not rest.annotation.ListFields():
            rest.ClearField("annotation")
    if feature.WhichOneof("shape_type"):
        leaves[LENGTH] = _length(feature)
        rest.ClearField(feature.WhichOneof("shape_type"))
    return {**leaves, **dict(_leaves(rest, ""))}


def _length(feature: schema_pb2.Feature) -> Length:
    kind = feature.WhichOneof("shape_type")
    written = " ".join((kind, "{", *_text(getattr(feature, kind)).split(), "}"))
    if kind == "shape":
        size = math.prod(dim.size for dim in feature.shape.dim)
        return Length(size, size, written)
    count = feature.value_count
    return Length(count.min, count.max if count.HasField("max") else math.inf, written)


def _leaves(message: Message, path: str) -> Iterator[tuple[str, Leaf]]:
    for field, value in message.ListFields():
        where = f"{path}{field.name}"
        if field.is_repeated:
            yield from _repeated(field, value, where)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            inner = list(_leaves(value, f"{where}."))
            yield from inner or [(where, "stated")]
        else:
            yield where, _scalar(field, value)


def _repeated(field: FieldDescriptor, values: Any, where: str) -> Iterator[tuple[str, Leaf]]:
    if field.message_type is None:
        yield where, Words(sorted(map(str, values)) if field.name in UNORDERED else map(str, values))
    elif field.message_type.GetOptions().map_entry:
        yield where, Words(sorted(f"{key}: {_text(values[key])}" for key in values))
    elif "name" in field.message_type.fields_by_name:
        for name, value in _by_name(values).items():
            inner = list(_leaves(value, f"{where}[{name}]."))
            yield from inner or [(f"{where}[{name}]", "stated")]
    else:
        yield where, Words(map(_text, values))


def _scalar(field: FieldDescriptor, value: Any) -> Leaf:
    if field.type == FieldDescriptor.TYPE_ENUM:
        assert field.enum_type is not None
        return field.enum_type.values_by_number[value].name
    if field.type == FieldDescriptor.TYPE_FLOAT:
        return float(str(np.float32(value)))  # 0.1, not 0.10000000149
    leaf: Leaf = value
    return leaf


def _text(message: Message) -> str:
    return text_format.MessageToString(message, as_one_line=True, as_utf8=True)


def _compare(feature: str, before: Leaves, after: Leaves) -> Iterator[Change]:
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        if old != new:
            text = f"{WORDS.get(path, path)} {_difference(old, new)}"
            yield Change(feature=feature, field=path, kind=_kind(path, old, new), text=text)


def _difference(old: Leaf | None, new: Leaf | None) -> str:
    if isinstance(old, Words | None) and isinstance(new, Words | None):
        lists = ((set(new or ()) - set(old or ()), "added"), (set(old or ()) - set(new or ()), "removed"))
        parts = [f"{', '.join(map(repr, sorted(words)))} {what}" for words, what in lists if words]
        if parts:
            return "; ".join(parts)
    if isinstance(old, Length) and isinstance(new, Length) and _ends(old) == _ends(new):
        return f"written as {new.written}, no longer as {old.written}"
    return f"from {_shown(old)} to {_shown(new)}"


def _shown(leaf: Leaf | None) -> str:
    if leaf is None:
        return "none"
    if isinstance(leaf, Length):
        if leaf.least == leaf.most:
            return str(leaf.least)
        return f"{leaf.least} or more" if math.isinf(leaf.most) else f"{leaf.least}..{leaf.most:.0f}"
    return str(leaf)


def _kind(path: str, old: Leaf | None, new: Leaf | None) -> Effect:
    """Narrowed if everything that passes now passed before, and widened if it is the other way round."""
    last = path.rpartition(".")[2]
    if isinstance(old, Length | None) and isinstance(new, Length | None):
        return _of_ranges(_ends(old), _ends(new))
    if path == IMAGE_SIZE or last == "value":
        return _of_sets(old, new)
    if last.startswith(("min", "disallow")):
        at_least = 0.0 if last.startswith("disallow") or path.startswith(("presence", "dataset")) else -math.inf
        return _of_ranges((_number(old, at_least), math.inf), (_number(new, at_least), math.inf))
    if last.startswith("max") or last == "threshold":
        return _of_ranges((-math.inf, _number(old, math.inf)), (-math.inf, _number(new, math.inf)))
    return Effect.CHANGED


def _ends(length: Length | None) -> tuple[float, float]:
    return (0, math.inf) if length is None else (length.least, length.most)


def _number(leaf: Leaf | None, absent: float) -> float:
    return float(leaf) if isinstance(leaf, bool | int | float) else absent


def _of_ranges(old: tuple[float, float], new: tuple[float, float]) -> Effect:
    if old == new:
        return Effect.CHANGED
    if old[0] <= new[0] and new[1] <= old[1]:
        return Effect.NARROWED
    return Effect.WIDENED if new[0] <= old[0] and old[1] <= new[1] else Effect.CHANGED


def _of_sets(old: Leaf | None, new: Leaf | None) -> Effect:
    """Of lists of what is allowed; no list allows anything."""
    if old is None or new is None:
        return Effect.NARROWED if old is None else Effect.WIDENED
    if not isinstance(old, Words) or not isinstance(new, Words) or set(old) == set(new):
        return Effect.CHANGED
    if set(new) < set(old):
        return Effect.NARROWED
    return Effect.WIDENED if set(old) < set(new) else Effect.CHANGED
