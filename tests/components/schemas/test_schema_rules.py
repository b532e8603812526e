"""What a schema states becomes rules, and what cannot be checked is refused."""

import math

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from slipline.components.errors import BadData
from slipline.components.schemas.schema_rules import SERVING, Comparator, FeatureRule, Rules, SplitRule, rules_of

PLAIN = FeatureRule(
    name="x",
    type=schema_pb2.INT,
    min_fraction=0.0,
    min_count=0,
    least=0,
    most=None,
    low=-math.inf,
    high=math.inf,
    may_be_infinite=True,
    words=frozenset(),
    is_image=False,
    size=None,
    drift=Comparator(),
    skew=Comparator(),
)


def rules(text, *environment):
    return rules_of(text_format.Parse(text, schema_pb2.Schema()), *environment)


@pytest.mark.parametrize(
    ("stated", "rule"),
    [
        ("type: INT", {}),
        ("type: INT presence { min_fraction: 0.5 min_count: 7 }", {"min_fraction": 0.5, "min_count": 7}),
        ("type: INT shape {}", {"least": 1, "most": 1}),
        ("type: INT shape { dim { size: 2 } dim { size: 3 } }", {"least": 6, "most": 6}),
        ("type: INT value_count { min: 2 }", {"least": 2}),
        ("type: INT value_count { min: 2 max: 3 }", {"least": 2, "most": 3}),
        ("type: INT int_domain { min: 0 max: 9 }", {"low": 0, "high": 9}),
        ("type: INT int_domain { max: 9 }", {"high": 9}),
        ("type: FLOAT float_domain { min: 0.5 }", {"type": schema_pb2.FLOAT, "low": 0.5}),
        ("type: FLOAT float_domain { disallow_inf: true }", {"type": schema_pb2.FLOAT, "may_be_infinite": False}),
        ('type: BYTES string_domain { value: "ä" }', {"type": schema_pb2.BYTES, "words": frozenset(["ä".encode()])}),
        ('type: BYTES domain: "colours"', {"type": schema_pb2.BYTES, "words": frozenset([b"red"])}),
        ("type: BYTES image_domain {}", {"type": schema_pb2.BYTES, "is_image": True}),
        (
            'type: BYTES annotation { tag: "decoded_shape:2,3,1" }',
            {"type": schema_pb2.BYTES, "is_image": True, "size": (2, 3, 1)},
        ),
        ("type: INT drift_comparator { infinity_norm { threshold: 0.25 } }", {"drift": Comparator(l_infinity=0.25)}),
        (
            "type: INT skew_comparator { jensen_shannon_divergence { threshold: 0 } }",
            {"skew": Comparator(jensen_shannon=0.0)},
        ),
    ],
)
def test_a_rule_is_what_the_schema_states(stated, rule):
    colours = 'string_domain { name: "colours" value: "red" } string_domain { name: "sizes" value: "big" }'
    (found,) = rules(f'feature {{ name: "x" {stated} }} {colours}').features
    assert found == FeatureRule(**{**vars(PLAIN), **rule})


@pytest.mark.parametrize(
    ("stated", "rule"),
    [
        ("", SplitRule()),
        ("min_examples_count: 3", SplitRule(least=3)),
        ("max_examples_count: 3", SplitRule(most=3)),
        ("num_examples_drift_comparator { min_fraction_threshold: 0.5 }", SplitRule(least_of_before=0.5)),
        ("num_examples_drift_comparator { max_fraction_threshold: 2 }", SplitRule(most_of_before=2.0)),
    ],
)
def test_a_split_has_rules_of_its_own(stated, rule):
    text = f'feature {{ name: "x" type: INT }} dataset_constraints {{ {stated} }}'
    assert rules(text) == Rules(features=(PLAIN,), split=rule)


@pytest.mark.parametrize(
    ("default", "of_feature", "training", "serving"),
    [
        ("", "", True, True),
        ("", 'in_environment: "TRAINING"', True, False),
        ("", 'not_in_environment: "SERVING"', True, False),
        ('default_environment: "TRAINING" default_environment: "SERVING"', "", True, True),
        (
            'default_environment: "TRAINING" default_environment: "SERVING"',
            'not_in_environment: "TRAINING"',
            False,
            True,
        ),
        ('default_environment: "SERVING"', "", False, True),
        ('default_environment: "SERVING"', 'in_environment: "TRAINING"', True, True),
    ],
)
def test_a_feature_counts_in_its_environments_alone(default, of_feature, training, serving):
    text = f'{default} feature {{ name: "x" type: INT {of_feature} }} feature {{ name: "y" type: INT }}'
    text = text if not default else text.replace('"y" type: INT', '"y" type: INT in_environment: "TRAINING"')
    assert ("x" in [rule.name for rule in rules(text).features]) == training
    assert ("x" in [rule.name for rule in rules(text, SERVING).features]) == serving


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('feature { name: "x" type: BYTES bool_domain {} }', "bool_domain cannot be checked"),
        ('feature { name: "x" type: STRUCT }', "wanted type INT, FLOAT or BYTES, got STRUCT"),
        ("", "got no feature"),
        ('feature { name: "x" type: INT } int_domain { name: "x" }', "got int_domain"),
        (
            'feature { name: "x" type: BYTES domain: "colours" }',
            "string_domain called 'colours' .*, got none",
        ),
        (
            'feature { name: "x" type: INT drift_comparator { normalized_abs_difference { threshold: 1 } } }',
            "normalized_abs_difference cannot be checked",
        ),
        (
            'feature { name: "x" type: INT } dataset_constraints { num_examples_version_comparator {} }',
            "num_examples_version_comparator cannot be checked",
        ),
    ],
)
def test_a_demand_that_nobody_checks_is_refused(text, problem):
    """Or it would pass unseen."""
    with pytest.raises(BadData, match=problem):
        rules(text)
