"""Drift and skew: what moved further than the schema allows, and than chance explains, is named with the figures."""

from __future__ import annotations

import pytest

from slipline.components.artifacts import Baseline, Schema
from slipline.components.beam.beam_options import BeamSettings
from slipline.components.examples.example_records import encode_example
from slipline.components.schemas.schema_rules import SplitRule
from slipline.components.steps.compare_serving import compare_serving
from slipline.components.steps.compute_statistics import ComputeStatisticsParams, compute_statistics
from slipline.components.steps.find_baseline import BaselineParams, Earlier, find_baseline
from slipline.components.validation.anomalies_io import read_anomalies, read_distances
from slipline.components.validation.drift_checks import Distance, compare_records
from slipline.serving.wire.example_pb2 import Example
from tests.components.tabular import record_of

pytestmark = pytest.mark.slow  # each runs Beam several times

LABEL = """
feature {{
  name: "label" type: INT presence {{ min_fraction: 1 }} shape {{}} int_domain {{ min: 0 max: 9 is_categorical: true }}
  {comparators}
}}
"""
IMAGE = """
feature {{
  name: "image" type: BYTES presence {{ min_fraction: 1 }} shape {{}} annotation {{ tag: "decoded_shape:28,28,1" }}
  {comparators}
}}
"""


def schema(plane, label="", image="", more=""):
    file = plane.home / "schema.pbtxt"
    file.write_text(LABEL.format(comparators=label) + IMAGE.format(comparators=image) + more)
    return Schema(path=file)


def labelled(png, label, records, value=7):
    return [encode_example(png(value=value), label)] * records


def baseline(plane, home, records, name="train"):
    """The statistics of other records of a split, as those of an earlier run."""
    earlier = type(plane)(home)
    earlier.write(name, records)
    statistics = earlier.statistics(earlier.ingest(name))
    return Baseline(path=statistics.path, origin="the run of 2026-01-01")


def test_a_split_whose_labels_are_distributed_otherwise_is_named(plane, png):
    plane.write("train", labelled(png, 0, 500) + labelled(png, 1, 500))
    plane.write("test", labelled(png, 0, 900) + labelled(png, 1, 100))
    given = schema(plane, label="skew_comparator { infinity_norm { threshold: 0.1 } }")
    anomalies = plane.validate(plane.ingest("train", "test"), given)
    assert anomalies.reasons == (
        "test: label: wanted every value's share within 10.00% of that in train, got a difference of 40.00%, "
        f"at 0: 50.00% there, 90.00% here; find out what changed, or change {given.path} if it is meant",
    )


def test_images_that_are_brighter_than_the_training_split_s_are_named(plane, png):
    plane.write("train", labelled(png, 0, 500, value=7))
    plane.write("test", labelled(png, 0, 500, value=200))
    given = schema(plane, image="skew_comparator { jensen_shannon_divergence { threshold: 0.1 } }")
    (reason,) = plane.validate(plane.ingest("train", "test"), given).reasons
    assert reason.startswith(
        "test: image: wanted values distributed as in train, to a Jensen-Shannon divergence of 0.1, got 1; "
    )


def test_what_chance_explains_in_few_records_is_no_anomaly(plane, png):
    """Five records against four can differ by a fifth without anything having changed."""
    plane.write("train", labelled(png, 0, 2) + labelled(png, 1, 3))
    plane.write("test", labelled(png, 0, 3) + labelled(png, 1, 1))
    given = schema(plane, label="skew_comparator { infinity_norm { threshold: 0.1 } }")
    assert plane.validate(plane.ingest("train", "test"), given).passed


def test_a_limit_that_is_kept_is_measured_and_written_down(plane, png):
    plane.write("train", labelled(png, 0, 500) + labelled(png, 1, 500))
    plane.write("test", labelled(png, 0, 520) + labelled(png, 1, 480))
    given = schema(plane, label="skew_comparator { infinity_norm { threshold: 0.1 } }")
    anomalies = plane.validate(plane.ingest("train", "test"), given)
    (info,) = read_anomalies(anomalies.proto_path).drift_skew_info
    (measured,) = info.skew_measurements
    assert anomalies.passed
    assert (list(info.path.step), round(measured.value, 6), measured.threshold) == (["label"], 0.02, 0.1)


def test_drift_since_the_run_before_is_named_with_that_run(plane, png, tmp_path):
    before = baseline(plane, tmp_path / "before", labelled(png, 0, 900) + labelled(png, 1, 100))
    plane.write("train", labelled(png, 0, 500) + labelled(png, 1, 500))
    given = schema(plane, label="drift_comparator { infinity_norm { threshold: 0.1 } }")
    (reason,) = plane.validate(plane.ingest(), given, baseline=before).reasons
    assert "within 10.00% of that in the run of 2026-01-01, got a difference of 40.00%, at 0: 90.00% there" in reason


@pytest.mark.parametrize(("limit", "reasons"), [("drift_comparator { infinity_norm { threshold: 0.1 } }", 1), ("", 0)])
def test_an_optional_feature_with_a_limit_of_drift_that_vanished_is_named(plane, png, tmp_path, limit, reasons):
    old = [record_of({"grape": "Syrah"}), record_of({"grape": "Merlot"}), record_of({"colour": "red"})]
    before = baseline(plane, tmp_path / "before", old)
    plane.write("train", [record_of({"colour": "red"})] * 3)
    given = plane.home / "schema.pbtxt"
    given.write_text(f'feature {{ name: "grape" type: BYTES {limit} }} feature {{ name: "colour" type: BYTES }}')
    found = plane.validate(plane.ingest(), Schema(path=given), baseline=before).reasons
    assert len(found) == reasons
    assert all("train: grape: wanted values to compare with those in 2 of the 3 records" in text for text in found)


def test_a_limit_that_cannot_be_measured_is_said_instead_of_passed_over(plane, png):
    plane.write("train", labelled(png, 0, 10))
    plane.write("test", labelled(png, 0, 10))
    given = schema(plane, image="skew_comparator { infinity_norm { threshold: 0.1 } }")
    (reason,) = plane.validate(plane.ingest("train", "test"), given).reasons
    assert "image: wanted its values compared with those in train by infinity_norm, but it has too many" in reason


def test_a_data_set_that_shrank_is_named(plane, png, tmp_path):
    before = baseline(plane, tmp_path / "before", labelled(png, 0, 100))
    plane.write("train", labelled(png, 0, 50))
    constraint = "dataset_constraints { num_examples_drift_comparator { min_fraction_threshold: 0.9 } }"
    (reason,) = plane.validate(plane.ingest(), schema(plane, more=constraint), baseline=before).reasons
    assert reason.startswith("train: wanted at least 0.9 x the 100 records of the run before, got 50; find out")


@pytest.mark.parametrize(("records", "findings"), [(89, 1), (90, 0), (120, 0), (121, 1)])
def test_the_number_of_records_may_move_up_to_the_limits_themselves(records, findings):
    rule = SplitRule(least_of_before=0.9, most_of_before=1.2)
    assert len(list(compare_records("train", records, 100, rule, "schema"))) == findings


def test_a_split_of_too_few_or_too_many_records_is_named(plane, png):
    plane.write("train", labelled(png, 0, 5))
    few = schema(plane, more="dataset_constraints { min_examples_count: 6 }")
    assert "train: wanted at least 6 records, got 5" in plane.validate(plane.ingest(), few).reasons[0]


def test_the_baseline_is_the_latest_earlier_data_that_differ(plane, png, tmp_path):
    """A rerun over the same data is held against what the first run was held against."""
    old = baseline(plane, tmp_path / "old", labelled(png, 0, 3))
    plane.write("train", labelled(png, 1, 3))
    now = plane.statistics(plane.ingest())
    told = BaselineParams(
        earlier=(Earlier(folder=now.path, origin="this very data"), Earlier(folder=old.path, origin="older data"))
    )
    found = find_baseline(now, told, plane.out("baseline"))
    assert found.origin == "older data"
    assert found.proto_path.read_bytes() == old.proto_path.read_bytes()


def test_data_described_again_are_no_other_data(plane, tmp_path):
    """Quantiles of many different values are drawn at random, and slices are a matter of settings."""
    records = [record_of({"size": number / 7, "label": number % 3}) for number in range(3_000)]
    plane.write("train", records)
    examples = plane.ingest()
    first, again = plane.statistics(examples), plane.out("again")
    now = compute_statistics(examples, BeamSettings(), again, ComputeStatisticsParams(slice_by=()))
    assert first.proto_path.read_bytes() != now.proto_path.read_bytes()
    old = baseline(plane, tmp_path / "old", [*records[:-1], record_of({"size": 0.5, "label": 2})])
    told = BaselineParams(
        earlier=(Earlier(folder=first.path, origin="this very data"), Earlier(folder=old.path, origin="older data"))
    )
    assert find_baseline(now, told, plane.out("baseline")).origin == "older data"


def test_without_earlier_data_there_is_nothing_to_drift_from(plane, digits):
    plane.write("train", digits)
    found = find_baseline(plane.statistics(plane.ingest()), BaselineParams(), plane.out("baseline"))
    assert found.origin is None
    assert not found.proto_path.exists()


def unlabelled(record):
    example = Example.FromString(record)
    del example.features.feature["label"]
    return example.SerializeToString()


def asked(plane, home, records):
    production = type(plane)(home)
    production.write("serving", records)
    return production.statistics(production.ingest("serving"))


def test_records_asked_in_production_are_held_against_the_training_split(plane, png, tmp_path):
    plane.write("train", labelled(png, 0, 500, value=7))
    learnt = plane.statistics(plane.ingest())
    serving = asked(plane, tmp_path / "asked", [unlabelled(record) for record in labelled(png, 0, 500, value=200)])
    given = schema(
        plane,
        label='not_in_environment: "SERVING"',
        image="skew_comparator { jensen_shannon_divergence { threshold: 0.1 } }",
    )
    anomalies = compare_serving(learnt, serving, given, plane.out("compare"))
    assert not anomalies.passed
    assert anomalies.reasons[0].startswith("serving: image: wanted values distributed as in train")
    assert len(anomalies.reasons) == 1
    (measured,) = read_distances(anomalies)
    assert (measured.split, measured.against, measured.feature) == ("serving", "train", "image")
    assert measured.distance is Distance.JENSEN_SHANNON
    assert measured.value > measured.limit == 0.1
    anomalies.distances_path.unlink()
    assert read_distances(anomalies) == ()


def test_a_feature_that_production_lacks_is_named_unless_the_schema_expects_it(plane, png, tmp_path):
    plane.write("train", labelled(png, 0, 5))
    learnt = plane.statistics(plane.ingest())
    serving = asked(plane, tmp_path / "asked", [unlabelled(record) for record in labelled(png, 0, 5)])
    (reason,) = compare_serving(learnt, serving, schema(plane), plane.out("compare")).reasons
    assert reason.startswith("serving: label: wanted the feature that is learnt from, got image; send it, or state ")
