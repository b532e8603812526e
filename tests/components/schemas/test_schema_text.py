"""What a schema asks of a feature is told in a few words, and nothing that it states is kept back."""

from __future__ import annotations

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from slipline.components.schemas.schema_text import FeatureText, dataset_text, feature_text


def told(text: str, schema: str = "") -> FeatureText:
    return feature_text(text_format.Parse(text, schema_pb2.Feature()), text_format.Parse(schema, schema_pb2.Schema()))


@pytest.mark.parametrize(
    ("text", "presence"),
    [
        ("", "optional"),
        ("presence { min_fraction: 1 min_count: 1 }", "always"),
        ("presence { min_fraction: 0.975 min_count: 1 }", "97.5 %"),
        ("presence { min_fraction: 0.5 min_count: 20 }", "50 %, 20 or more records"),
        ("presence { min_count: 1 }", "1 or more records"),
    ],
)
def test_presence_is_told_as_a_share_or_a_number_of_records(text: str, presence: str) -> None:
    assert told(text).presence == presence


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", "any number"),
        ("shape {}", "1"),
        ("shape { dim { size: 2 } dim { size: 3 } }", "2 x 3"),
        ("value_count { min: 1 max: 3 }", "1 to 3"),
        ("value_count { min: 2 }", "2 or more"),
    ],
)
def test_the_number_of_values_is_told_as_a_shape_or_a_range(text: str, length: str) -> None:
    assert told(text).length == length


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("", "any"),
        ("int_domain { min: 0 max: 9 is_categorical: true }", "0 to 9, class numbers"),
        ("int_domain { min: -9223372036854775808 max: 1234567 }", "-9223372036854775808 to 1234567"),
        ("float_domain { min: 0.1 disallow_nan: true disallow_inf: true }", "0.1 or more, no nan, no inf"),
        ("float_domain { max: 2.5 }", "2.5 or less"),
        ("string_domain { value: 'a' value: 'b' }", "'a', 'b'"),
        ("string_domain { " + "value: 'a' " * 10 + "}", ", ".join(["'a'"] * 8) + " and 2 more"),
        ("domain: 'colours'", "colours: 'red'"),
        ("domain: 'sizes'", "sizes: not in the schema"),
        ("image_domain { minimum_supported_image_fraction: 1 }", "images"),
        ("image_domain { minimum_supported_image_fraction: 0.9 }", "images, 90 % of them readable"),
        ("bool_domain { }", "bool_domain"),
    ],
)
def test_the_domain_is_told_by_its_values(text: str, domain: str) -> None:
    assert told(text, "string_domain { name: 'colours' value: 'red' }").domain == domain


def test_limits_image_size_and_whatever_else_is_stated_are_told() -> None:
    feature = told("""
        type: BYTES annotation { tag: 'decoded_shape:28,28,1' } not_in_environment: 'SERVING' deprecated: true
        drift_comparator { infinity_norm { threshold: 0.01 } jensen_shannon_divergence { threshold: 0.02 } }
    """)
    assert feature.image_size == "28 x 28 x 1"
    assert feature.drift == "L-inf 0.01, JSD 0.02"
    assert feature.also == "deprecated, not in environment SERVING"
    assert feature.sentence == (
        "BYTES, presence optional, values any number, any, 28 x 28 x 1, "
        "drift L-inf 0.01, JSD 0.02, deprecated, not in environment SERVING"
    )


def test_what_is_asked_of_a_split_is_told() -> None:
    schema = text_format.Parse(
        """dataset_constraints {
          min_examples_count: 5000
          num_examples_drift_comparator { min_fraction_threshold: 0.5 max_fraction_threshold: 2 }
        }""",
        schema_pb2.Schema(),
    )
    assert dataset_text(schema) == (
        "at least 5,000 records, at least 0.5 x those of the run before, at most 2 x those of the run before"
    )
    assert dataset_text(schema_pb2.Schema()) == ""
