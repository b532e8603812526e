"""What the schema demands of each record, and what a record does against it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from google.protobuf.message import Message
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from components.errors import BadData
from components.examples_io import UndecodableImage, decode_image, parse_example, shape_text, stated_shape
from components.schema_io import decoded_shape
from serving.wire.example_pb2 import Feature

# Every other constraint that a schema can state is refused: one left unchecked would pass unseen.
CHECKED_FIELDS = frozenset(
    ("name", "type", "presence", "shape", "value_count", "int_domain", "float_domain", "image_domain", "annotation")
)
TYPE_OF_LIST = {"int64_list": schema_pb2.INT, "float_list": schema_pb2.FLOAT, "bytes_list": schema_pb2.BYTES}


class Kind(Enum):
    """The ways to break a schema, each with what tensorflow-metadata calls it."""

    NOT_AN_EXAMPLE = anomalies_pb2.AnomalyInfo.UNKNOWN_TYPE
    MISSING = anomalies_pb2.AnomalyInfo.FEATURE_TYPE_LOW_FRACTION_PRESENT
    NEVER_PRESENT = anomalies_pb2.AnomalyInfo.SCHEMA_MISSING_COLUMN
    TOO_FEW_PRESENT = anomalies_pb2.AnomalyInfo.FEATURE_TYPE_LOW_NUMBER_PRESENT
    UNKNOWN_FEATURE = anomalies_pb2.AnomalyInfo.SCHEMA_NEW_COLUMN
    EMPTY_SPLIT = anomalies_pb2.AnomalyInfo.DATASET_LOW_NUM_EXAMPLES
    WRONG_TYPE = anomalies_pb2.AnomalyInfo.UNEXPECTED_DATA_TYPE
    WRONG_LENGTH = anomalies_pb2.AnomalyInfo.FEATURE_TYPE_UNEXPECTED_REPEATED
    NOT_A_NUMBER = anomalies_pb2.AnomalyInfo.FLOAT_TYPE_HAS_NAN
    OUT_OF_DOMAIN = anomalies_pb2.AnomalyInfo.INT_TYPE_BIG_INT
    UNDECODABLE = anomalies_pb2.AnomalyInfo.LOW_SUPPORTED_IMAGE_FRACTION
    WRONG_SIZE = anomalies_pb2.AnomalyInfo.INVALID_FEATURE_SHAPE


class Violation(NamedTuple):
    """One way in which one record breaks the schema.

    Attributes:
      feature: The feature's name; empty for the record as a whole.
      kind: How it is broken.
      wanted: What the schema demands.
      got: What the record has.
    """

    feature: str
    kind: Kind
    wanted: str
    got: str


@dataclass(frozen=True, kw_only=True)
class FeatureRule:
    """What the schema demands of one feature.

    Attributes:
      name: The feature's name.
      type: A `schema_pb2.FeatureType`.
      min_fraction: Least share of the records that must have it, in 0..1.
      min_count: Least number of records of a split that must have it.
      least: Fewest values in a record that has it.
      most: Most values in a record that has it; None for any number.
      low: Least value allowed of a number.
      high: Greatest value allowed of a number.
      is_image: Whether the values are encoded images.
      size: Height, width and channels of each image; None for any.
    """

    name: str
    type: int
    min_fraction: float
    min_count: int
    least: int
    most: int | None
    low: float
    high: float
    is_image: bool
    size: tuple[int, int, int] | None


def rules_of(schema: schema_pb2.Schema) -> tuple[FeatureRule, ...]:
    """The rules that `schema` states, one for each feature.

    Raises:
      BadData: It states something that is not checked here, or has no feature.
    """
    extra = _stated(schema) - {"feature", "annotation"}
    if extra or not schema.feature:
        raise BadData(f"schema: wanted one or more features and nothing else, got {', '.join(sorted(extra)) or 'none'}")
    return tuple(_rule(feature) for feature in schema.feature)


def _stated(message: Message) -> set[str]:
    return {field.name for field, _ in message.ListFields()}


def _rule(feature: schema_pb2.Feature) -> FeatureRule:
    unchecked = sorted(_stated(feature) - CHECKED_FIELDS)
    if unchecked:
        raise BadData(
            f"schema: feature {feature.name!r}: {', '.join(unchecked)} cannot be checked; "
            f"wanted only {', '.join(sorted(CHECKED_FIELDS))}"
        )
    if feature.type not in TYPE_OF_LIST.values():
        raise BadData(f"schema: feature {feature.name!r}: wanted type INT, FLOAT or BYTES, got {_type_name(feature)}")
    least, most = _length(feature)
    low, high = _domain(feature)
    size = decoded_shape(feature)
    return FeatureRule(
        name=feature.name,
        type=feature.type,
        min_fraction=feature.presence.min_fraction,
        min_count=feature.presence.min_count,
        least=least,
        most=most,
        low=low,
        high=high,
        is_image=size is not None or feature.HasField("image_domain"),
        size=size,
    )


def _length(feature: schema_pb2.Feature) -> tuple[int, int | None]:
    if feature.HasField("shape"):
        length = math.prod(dim.size for dim in feature.shape.dim)
        return length, length
    count = feature.value_count
    return count.min, count.max if count.HasField("max") else None


def _domain(feature: schema_pb2.Feature) -> tuple[float, float]:
    domain = feature.float_domain if feature.HasField("float_domain") else feature.int_domain
    low = domain.min if domain.HasField("min") else -math.inf
    high = domain.max if domain.HasField("max") else math.inf
    return low, high


def _type_name(feature: schema_pb2.Feature) -> str:
    return str(schema_pb2.FeatureType.Name(feature.type))


def check_record(record: bytes, rules: Sequence[FeatureRule], decode: frozenset[str]) -> Iterator[Violation]:
    """Every way in which `record` breaks the rules.

    Args:
      record: A serialized `tf.Example`, or what should be one.
      rules: One for each feature.
      decode: The image features to be decoded here; of the others only the head is read.

    Yields:
      Violations, in the order of the rules.
    """
    example = parse_example(record)
    if example is None:
        yield Violation("", Kind.NOT_AN_EXAMPLE, "a tf.Example", "other bytes")
        return
    features = example.features.feature
    for rule in rules:
        if rule.name in features:
            yield from _check_feature(features[rule.name], rule, rule.name in decode)
        elif rule.min_fraction >= 1:
            yield _missing(rule)


def _missing(rule: FeatureRule) -> Violation:
    return Violation(rule.name, Kind.MISSING, "a value in every record", "none")


def _check_feature(feature: Feature, rule: FeatureRule, decode: bool) -> Iterator[Violation]:
    which = feature.WhichOneof("kind")
    values = getattr(feature, which).value if which else ()
    if not values and rule.least > 0:
        if rule.min_fraction >= 1:
            yield _missing(rule)
    elif which and TYPE_OF_LIST[which] != rule.type:
        wanted, got = (schema_pb2.FeatureType.Name(kind) for kind in (rule.type, TYPE_OF_LIST[which]))
        yield Violation(rule.name, Kind.WRONG_TYPE, f"type {wanted}", got)
    elif len(values) < rule.least or (rule.most is not None and len(values) > rule.most):
        yield Violation(rule.name, Kind.WRONG_LENGTH, _length_text(rule), str(len(values)))
    elif rule.is_image:
        for value in values:
            yield from _check_image(value, rule, decode)
    elif rule.type != schema_pb2.BYTES:
        for value in values:
            yield from _check_number(value, rule)


def _length_text(rule: FeatureRule) -> str:
    if rule.most is None:
        return f"{rule.least} or more values"
    return f"{rule.least} to {rule.most} values" if rule.least < rule.most else f"{rule.least} value(s)"


def _check_number(value: float, rule: FeatureRule) -> Iterator[Violation]:
    if math.isnan(value):
        yield Violation(rule.name, Kind.NOT_A_NUMBER, "a number", "NaN")
    elif not rule.low <= value <= rule.high:
        yield Violation(rule.name, Kind.OUT_OF_DOMAIN, f"{rule.low} to {rule.high}", str(value))


def _check_image(encoded: bytes, rule: FeatureRule, decode: bool) -> Iterator[Violation]:
    try:
        shape: tuple[int, ...] = decode_image(encoded).shape if decode else stated_shape(encoded)
    except UndecodableImage as error:
        yield Violation(rule.name, Kind.UNDECODABLE, "a whole PNG or JPEG image", str(error))
        return
    if rule.size is not None and shape != rule.size:
        yield Violation(rule.name, Kind.WRONG_SIZE, f"{shape_text(rule.size)} pixels", shape_text(shape))
