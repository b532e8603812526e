"""What a schema demands, feature by feature, made ready to be checked."""

from __future__ import annotations

import math
from dataclasses import dataclass

from google.protobuf.message import Message
from tensorflow_metadata.proto.v0 import schema_pb2

from slipline.components.errors import BadData
from slipline.components.features.schema_io import decoded_shape

# Every other constraint that a schema can state is refused: one left unchecked would pass unseen.
CHECKED_FIELDS = frozenset(
    (
        *("name", "type", "presence", "shape", "value_count", "annotation"),
        *("int_domain", "float_domain", "string_domain", "domain", "image_domain"),
        *("drift_comparator", "skew_comparator", "in_environment", "not_in_environment"),
    )
)
CHECKED_OF_SCHEMA = frozenset(("feature", "annotation", "string_domain", "default_environment", "dataset_constraints"))
CHECKED_TYPES = (schema_pb2.INT, schema_pb2.FLOAT, schema_pb2.BYTES)

TRAINING = "TRAINING"
"""The environment of examples to learn from, where a schema tells environments apart."""
SERVING = "SERVING"
"""The environment of examples as they are asked in production."""


@dataclass(frozen=True, kw_only=True)
class Comparator:
    """How far two distributions may lie apart; None where it does not matter.

    Attributes:
      l_infinity: Greatest difference of one value's share, in 0..1.
      jensen_shannon: Jensen-Shannon divergence in bits, in 0..1.
    """

    l_infinity: float | None = None
    jensen_shannon: float | None = None


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
      may_be_infinite: Whether a number may be infinite.
      words: The values allowed of text; empty for any.
      is_image: Whether the values are encoded images.
      size: Height, width and channels of each image; None for any.
      drift: How far it may have moved since the run before.
      skew: How far it may differ between splits, and between training and serving.
    """

    name: str
    type: int
    min_fraction: float
    min_count: int
    least: int
    most: int | None
    low: float
    high: float
    may_be_infinite: bool
    words: frozenset[bytes]
    is_image: bool
    size: tuple[int, int, int] | None
    drift: Comparator
    skew: Comparator


@dataclass(frozen=True, kw_only=True)
class SplitRule:
    """How many records a split must have.

    Attributes:
      least: Fewest.
      most: Most; None for any number.
      least_of_before: Fewest, as a multiple of what the run before had; None for any.
      most_of_before: Most, as such a multiple.
    """

    least: int = 0
    most: int | None = None
    least_of_before: float | None = None
    most_of_before: float | None = None


@dataclass(frozen=True, kw_only=True)
class Rules:
    """All that a schema demands."""

    features: tuple[FeatureRule, ...]
    split: SplitRule


def rules_of(schema: schema_pb2.Schema, environment: str = TRAINING) -> Rules:
    """The rules that `schema` states for examples of that environment.

    Raises:
      BadData: It states something that is not checked here, or has no feature.
    """
    extra = _stated(schema) - CHECKED_OF_SCHEMA
    if extra or not schema.feature:
        raise BadData(
            f"schema: wanted one or more features and nothing but {', '.join(sorted(CHECKED_OF_SCHEMA))}, "
            f"got {', '.join(sorted(extra)) or 'no feature'}"
        )
    features = [feature for feature in schema.feature if _is_in(feature, environment, schema)]
    return Rules(features=tuple(_rule(feature, schema) for feature in features), split=_split_rule(schema))


def _stated(message: Message) -> set[str]:
    return {field.name for field, _ in message.ListFields()}


def _is_in(feature: schema_pb2.Feature, environment: str, schema: schema_pb2.Schema) -> bool:
    if environment in feature.not_in_environment:
        return False
    stated = {*schema.default_environment, *feature.in_environment}
    return not stated or environment in stated


def _rule(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> FeatureRule:
    unchecked = sorted(_stated(feature) - CHECKED_FIELDS)
    if unchecked:
        raise BadData(
            f"schema: feature {feature.name!r}: {', '.join(unchecked)} cannot be checked; "
            f"wanted only {', '.join(sorted(CHECKED_FIELDS))}"
        )
    if feature.type not in CHECKED_TYPES:
        raise BadData(
            f"schema: feature {feature.name!r}: wanted type INT, FLOAT or BYTES, "
            f"got {schema_pb2.FeatureType.Name(feature.type)}"
        )
    least, most = _length(feature)
    low, high = _range(feature)
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
        may_be_infinite=not feature.float_domain.disallow_inf,
        words=_words(feature, schema),
        is_image=size is not None or feature.HasField("image_domain"),
        size=size,
        drift=_comparator(feature.name, feature.drift_comparator),
        skew=_comparator(feature.name, feature.skew_comparator),
    )


def _length(feature: schema_pb2.Feature) -> tuple[int, int | None]:
    if feature.HasField("shape"):
        length = math.prod(dim.size for dim in feature.shape.dim)
        return length, length
    count = feature.value_count
    return count.min, count.max if count.HasField("max") else None


def _range(feature: schema_pb2.Feature) -> tuple[float, float]:
    domain = feature.float_domain if feature.HasField("float_domain") else feature.int_domain
    low = domain.min if domain.HasField("min") else -math.inf
    high = domain.max if domain.HasField("max") else math.inf
    return low, high


def _words(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> frozenset[bytes]:
    domain = feature.string_domain
    if feature.domain:
        named = [domain for domain in schema.string_domain if domain.name == feature.domain]
        if not named:
            raise BadData(
                f"schema: feature {feature.name!r}: wanted a string_domain called {feature.domain!r} in the schema, "
                f"got {', '.join(repr(domain.name) for domain in schema.string_domain) or 'none'}; add it"
            )
        domain = named[0]
    return frozenset(value.encode() for value in domain.value)


def _comparator(feature: str, stated: schema_pb2.FeatureComparator) -> Comparator:
    if stated.HasField("normalized_abs_difference"):
        raise BadData(
            f"schema: feature {feature!r}: normalized_abs_difference cannot be checked; "
            "wanted infinity_norm or jensen_shannon_divergence"
        )
    return Comparator(
        l_infinity=stated.infinity_norm.threshold if stated.HasField("infinity_norm") else None,
        jensen_shannon=(
            stated.jensen_shannon_divergence.threshold if stated.HasField("jensen_shannon_divergence") else None
        ),
    )


def _split_rule(schema: schema_pb2.Schema) -> SplitRule:
    stated = schema.dataset_constraints
    if stated.HasField("num_examples_version_comparator"):
        raise BadData("schema: num_examples_version_comparator cannot be checked; wanted num_examples_drift_comparator")
    drift = stated.num_examples_drift_comparator
    return SplitRule(
        least=stated.min_examples_count,
        most=stated.max_examples_count if stated.HasField("max_examples_count") else None,
        least_of_before=drift.min_fraction_threshold if drift.HasField("min_fraction_threshold") else None,
        most_of_before=drift.max_fraction_threshold if drift.HasField("max_fraction_threshold") else None,
    )
