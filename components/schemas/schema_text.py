"""What a schema asks, in a few words a feature, for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tensorflow_metadata.proto.v0 import schema_pb2

from slipline.components.features.schema_io import decoded_shape
from slipline.components.schemas.schema_rules import CHECKED_FIELDS

SHOWN_WORDS = 8

# The infinity norm and the Jensen-Shannon divergence as the literature calls them: a table has many columns.
MEASURES = {
    "infinity_norm": "L-inf",
    "jensen_shannon_divergence": "JSD",
    "normalized_abs_difference": "difference",
}


@dataclass(frozen=True, kw_only=True)
class FeatureText:
    """What a schema asks of one feature.

    Attributes:
      name: The feature's name.
      type: `INT`, `FLOAT` or `BYTES`.
      presence: In which share of the records it must be.
      length: How many values a record has.
      domain: Which values are allowed.
      image_size: Height, width and channels of decoded images; empty if it says nothing of them.
      drift: How far its distribution may move from run to run.
      skew: How far it may differ between splits, and between training and serving.
      also: What else is stated, as fields of the schema.
    """

    name: str
    type: str
    presence: str
    length: str
    domain: str
    image_size: str
    drift: str
    skew: str
    also: str

    @property
    def sentence(self) -> str:
        """All of it in one line, without the name."""
        limits = (("drift", self.drift), ("skew", self.skew))
        return ", ".join(
            (
                *(self.type, f"presence {self.presence}", f"values {self.length}", self.domain),
                *filter(None, (self.image_size,)),
                *(f"{name} {limit}" for name, limit in limits if limit),
                *filter(None, (self.also,)),
            )
        )


def feature_text(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> FeatureText:
    """What `schema` asks of `feature`.

    Raises:
      BadData: The size of its images is not three numbers.
    """
    size = decoded_shape(feature)
    return FeatureText(
        name=feature.name,
        type=schema_pb2.FeatureType.Name(feature.type),
        presence=_presence(feature.presence),
        length=_length(feature),
        domain=_domain(feature, schema),
        image_size=" x ".join(map(str, size)) if size else "",
        drift=_limits(feature.drift_comparator),
        skew=_limits(feature.skew_comparator),
        also=", ".join(_also(feature)),
    )


def dataset_text(schema: schema_pb2.Schema) -> str:
    """How many records a split must have; empty if the schema says nothing of it."""
    constraints = schema.dataset_constraints
    drift = constraints.num_examples_drift_comparator
    told = (
        (constraints, "min_examples_count", "at least {:,} records"),
        (constraints, "max_examples_count", "at most {:,} records"),
        (drift, "min_fraction_threshold", "at least {:g} x those of the run before"),
        (drift, "max_fraction_threshold", "at most {:g} x those of the run before"),
    )
    return ", ".join(words.format(getattr(asked, field)) for asked, field, words in told if asked.HasField(field))


def _presence(presence: schema_pb2.FeaturePresence) -> str:
    if presence.min_fraction >= 1:
        return "always"
    parts = []
    if presence.min_fraction:
        parts.append(f"{100 * presence.min_fraction:.4g} %")
    if presence.min_count > 1 or (presence.min_count and not parts):
        parts.append(f"{presence.min_count:,} or more records")
    return ", ".join(parts) or "optional"


def _length(feature: schema_pb2.Feature) -> str:
    kind = feature.WhichOneof("shape_type")
    if kind == "shape":
        return " x ".join(str(dim.size) if dim.size else "any" for dim in feature.shape.dim) or "1"
    if kind != "value_count":
        return "any number" if kind is None else kind
    count = feature.value_count
    if not count.HasField("max"):
        return f"{count.min:,} or more"
    return f"{count.min:,}" if count.min == count.max else f"{count.min:,} to {count.max:,}"


def _domain(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> str:
    kind = feature.WhichOneof("domain_info")
    if kind == "int_domain":
        return _range(feature.int_domain) + (", class numbers" if feature.int_domain.is_categorical else "")
    if kind == "float_domain":
        refused = [name for name in ("nan", "inf") if getattr(feature.float_domain, f"disallow_{name}")]
        return ", no ".join((_range(feature.float_domain), *refused))
    if kind == "string_domain":
        return _words(feature.string_domain)
    if kind == "domain":
        named = [domain for domain in schema.string_domain if domain.name == feature.domain]
        return f"{feature.domain}: {_words(named[0]) if named else 'not in the schema'}"
    if kind == "image_domain":
        share = feature.image_domain.minimum_supported_image_fraction
        return "images" if share >= 1 else f"images, {100 * share:.4g} % of them readable"
    return "any" if kind is None else kind


def _range(domain: schema_pb2.IntDomain | schema_pb2.FloatDomain) -> str:
    low, high = (_number(getattr(domain, end)) if domain.HasField(end) else "" for end in ("min", "max"))
    if low and high:
        return f"{low} to {high}"
    return f"{low} or more" if low else f"{high} or less" if high else "any"


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


def _words(domain: schema_pb2.StringDomain) -> str:
    shown = ", ".join(repr(value) for value in domain.value[:SHOWN_WORDS])
    left = len(domain.value) - SHOWN_WORDS
    return f"{shown} and {left:,} more" if left > 0 else shown or "any"


def _limits(comparator: schema_pb2.FeatureComparator) -> str:
    return ", ".join(
        f"{words} {getattr(comparator, name).threshold:g}"
        for name, words in MEASURES.items()
        if comparator.HasField(name)
    )


def _also(feature: schema_pb2.Feature) -> Iterator[str]:
    for field, value in feature.ListFields():
        if field.name in ("in_environment", "not_in_environment"):
            yield f"{field.name.replace('_', ' ')} {', '.join(value)}"
        elif field.name not in CHECKED_FIELDS:  # which the words above tell
            yield field.name
