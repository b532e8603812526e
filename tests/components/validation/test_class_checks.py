"""A class folder that is added or renamed is said, rather than silently given another's number."""

from __future__ import annotations

import pytest

from slipline.components.artifacts import Baseline, Schema
from slipline.components.errors import BadData
from slipline.components.features.schema_io import class_names, read_schema
from slipline.components.steps.infer_schema import infer_schema

pytestmark = pytest.mark.slow  # each runs Beam several times

IMAGE = """
feature { name: "image" type: BYTES presence { min_fraction: 1 } shape {} annotation { tag: "decoded_shape:28,28,1" } }
"""
LABEL = 'feature { name: "label" type: INT shape {} int_domain { min: 0 max: 9 is_categorical: true } %s }'


def schema(plane, annotation=""):
    file = plane.home / "schema.pbtxt"
    file.write_text(IMAGE + LABEL % annotation)
    return Schema(path=file)


def classes(plane, png, *names):
    for name in names:
        folder = plane.source / "train" / name
        folder.mkdir(parents=True)
        (folder / "a.png").write_bytes(png(value=len(name)))
    return plane.ingest()


def named(plane, *names):
    folder = plane.home / "before"
    folder.mkdir()
    (folder / "classes.txt").write_text("".join(f"{name}\n" for name in names))
    return folder


def test_a_class_that_the_schema_does_not_name_stops_with_both_lists(plane, png):
    given = schema(plane, """annotation { tag: 'class_names:["one", "zero"]' }""")
    (reason,) = plane.validate(classes(plane, png, "aero", "one"), given).reasons
    assert reason.startswith(f"classes: wanted one, zero as in {given.path}, got new aero, without zero; rename the ")
    assert """{ tag: 'class_names:["aero", "one"]' }""" in reason


def test_without_names_in_the_schema_the_run_before_is_asked(plane, png):
    statistics = plane.statistics(classes(plane, png, "one", "zero"))
    again = type(plane)(plane.home / "again")
    again.home.mkdir()
    baseline = Baseline(path=named(again, "one"), origin="the run of 2026-01-01")
    (again.home / "before" / "statistics.binpb").write_bytes(statistics.proto_path.read_bytes())
    (reason,) = again.validate(classes(again, png, "one", "zero"), schema(again), baseline=baseline).reasons
    assert reason.startswith("classes: wanted one as in the run of 2026-01-01, got new zero; ")


def test_the_classes_that_are_wanted_pass(plane, png):
    given = schema(plane, """annotation { tag: 'class_names:["one", "zero"]' }""")
    assert plane.validate(classes(plane, png, "one", "zero"), given).passed


def test_the_proposed_schema_names_the_classes_and_expects_none_in_production(plane, png):
    statistics = plane.statistics(classes(plane, png, "a", "b"))
    proposed = read_schema(infer_schema(statistics, plane.out("schema")))
    (label,) = (feature for feature in proposed.feature if feature.name == "label")
    assert class_names(label) == ("a", "b")
    assert list(label.not_in_environment) == ["SERVING"]


def test_names_that_are_no_list_are_refused(plane, png):
    given = schema(plane, "annotation { tag: 'class_names:one' }")
    with pytest.raises(BadData, match="wanted an annotation like 'class_names:"):
        plane.validate(classes(plane, png, "one"), given)
