"""What a record does against the schema."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tensorflow_metadata.proto.v0 import schema_pb2

from slipline.components.examples.example_records import parse_example
from slipline.components.features.decode_images import UndecodableImage, decode_image, shape_text, stated_shape
from slipline.components.schemas.schema_rules import FeatureRule
from slipline.components.validation.findings import Kind
from slipline.serving.wire.example_pb2 import Feature

TYPE_OF_LIST = {"int64_list": schema_pb2.INT, "float_list": schema_pb2.FLOAT, "bytes_list": schema_pb2.BYTES}
SHOWN_WORDS = 5
SHOWN_CHARACTERS = 40


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
    known = 0
    for rule in rules:
        if rule.name in features:
            known += 1
            yield from _check_feature(features[rule.name], rule, rule.name in decode)
        elif rule.min_fraction >= 1:
            yield _missing(rule)
    if known < len(features):
        yield from _unknown(features, rules)


def _unknown(names: Iterable[str], rules: Sequence[FeatureRule]) -> Iterator[Violation]:
    known = [rule.name for rule in rules]
    for name in sorted(set(names) - set(known)):
        wanted = f"only the features {', '.join(known)}"
        yield Violation(name, Kind.UNKNOWN_FEATURE, wanted, "this one too, which the schema does not know,")


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
        yield Violation(rule.name, Kind.WRONG_TYPE, f"type {wanted}", f"{got} {_shown(values[0])}" if values else got)
    elif len(values) < rule.least or (rule.most is not None and len(values) > rule.most):
        yield Violation(rule.name, Kind.WRONG_LENGTH, _length_text(rule), str(len(values)))
    elif rule.is_image:
        for value in values:
            yield from _check_image(value, rule, decode)
    elif rule.type != schema_pb2.BYTES:
        for value in values:
            yield from _check_number(value, rule)
    elif rule.words:
        for value in values:
            if value not in rule.words:
                yield Violation(rule.name, Kind.UNKNOWN_VALUE, _words_text(rule), _shown(value))


def _length_text(rule: FeatureRule) -> str:
    if rule.most is None:
        return f"{rule.least} or more values"
    return f"{rule.least} to {rule.most} values" if rule.least < rule.most else f"{rule.least} value(s)"


def _words_text(rule: FeatureRule) -> str:
    words = sorted(rule.words)
    return " or ".join(map(_shown, words[:SHOWN_WORDS])) + (" or others" if len(words) > SHOWN_WORDS else "")


def _shown(value: float | bytes) -> str:
    if not isinstance(value, bytes):
        return str(value)
    text = value.decode("utf-8", "backslashreplace")
    return repr(text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…")


def _check_number(value: float, rule: FeatureRule) -> Iterator[Violation]:
    if math.isnan(value):
        yield Violation(rule.name, Kind.NOT_A_NUMBER, "a number", "NaN")
    elif math.isinf(value) and not rule.may_be_infinite:
        yield Violation(rule.name, Kind.NOT_A_NUMBER, "a finite number", str(value))
    elif not rule.low <= value <= rule.high:
        yield Violation(rule.name, Kind.OUT_OF_DOMAIN, _range_text(rule), str(value))


def _range_text(rule: FeatureRule) -> str:
    if math.isinf(rule.high):
        return f"{rule.low} or more"
    return f"{rule.high} or less" if math.isinf(rule.low) else f"{rule.low} to {rule.high}"


def _check_image(encoded: bytes, rule: FeatureRule, decode: bool) -> Iterator[Violation]:
    try:
        shape: tuple[int, ...] = decode_image(encoded).shape if decode else stated_shape(encoded)
    except UndecodableImage as error:
        yield Violation(rule.name, Kind.UNDECODABLE, "a whole PNG or JPEG image", str(error))
        return
    if rule.size is not None and shape != rule.size:
        yield Violation(rule.name, Kind.WRONG_SIZE, f"{shape_text(rule.size)} pixels", shape_text(shape))
