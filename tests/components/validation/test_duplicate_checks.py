"""Copies are only counted unless a limit is set; beyond it they are named with what they copy."""

from __future__ import annotations

import pytest

from slipline.components.validation.validate_settings import ValidateParams

pytestmark = pytest.mark.slow  # each runs Beam several times


def test_copies_pass_where_no_limit_is_set(plane, digits):
    plane.write("train", [*digits, digits[0]])
    plane.write("test", digits)
    assert plane.validate(plane.ingest("train", "test")).passed


def test_copies_within_a_split_are_named_beyond_the_limit(plane, digits):
    file = plane.write("train", [*digits, digits[4], digits[5]])
    anomalies = plane.validate(plane.ingest(), params=ValidateParams(max_duplicates=0.1))
    assert anomalies.reasons == (
        "train: wanted at most 10.00% of the records to repeat an earlier one, got 2 of 12, first "
        f"{file} record 10 (counted from 0) (as {file} record 4 (counted from 0)), "
        f"{file} record 11 (counted from 0) (as {file} record 5 (counted from 0)); "
        "remove the copies, or raise validate.max_duplicates",
    )


def test_a_record_that_leaks_into_another_split_is_named(plane, digits):
    train = plane.write("train", digits[:9])
    test = plane.write("test", [digits[9], digits[2]])
    (reason,) = plane.validate(plane.ingest("train", "test"), params=ValidateParams(max_leaks=0.0)).reasons
    assert reason.startswith("test: wanted at most 0.00% of the records to be in train too, got 1 of 2, first ")
    assert f"{test} record 1 (counted from 0) (as {train} record 2 (counted from 0)); remove the copies" in reason


def test_a_limit_that_is_kept_is_no_anomaly(plane, digits):
    plane.write("train", [*digits, digits[4]])
    assert plane.validate(plane.ingest(), params=ValidateParams(max_duplicates=0.1)).passed
