"""Intervals of measured values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.components.evaluation.estimates import (
    Estimate,
    mirrored_estimate,
    percentile_estimate,
    share_estimate,
    together,
)


def at_least(hits, records, share):
    """The probability of so many hits or more."""
    return sum(math.comb(records, k) * share**k * (1 - share) ** (records - k) for k in range(hits, records + 1))


@pytest.mark.parametrize(
    ("hits", "records", "low", "high"),
    [(3, 3, 0.2924, 1.0), (0, 3, 0.0, 0.7076), (5, 10, 0.1871, 0.8129), (9912, 10_000, 0.98917, 0.99294)],
)
def test_shares_have_the_intervals_that_tables_give(hits, records, low, high):
    found = share_estimate(hits, records, 0.95)
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@given(st.integers(1, 60), st.data(), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_at_each_end_of_the_interval_what_was_seen_is_as_improbable_as_the_confidence_says(records, data, confidence):
    hits = data.draw(st.integers(0, records))
    found = share_estimate(hits, records, confidence)
    assert found.low <= found.value <= found.high
    assert found.high - found.low > 0.01
    if hits:
        assert at_least(hits, records, found.low) == pytest.approx((1 - confidence) / 2, rel=1e-6)
    if hits < records:
        assert 1 - at_least(hits + 1, records, found.high) == pytest.approx((1 - confidence) / 2, rel=1e-6)


@given(st.integers(1, 10**9), st.floats(0, 1))
def test_what_is_a_hit_or_a_miss_does_not_matter(records, share):
    hits = round(records * share)
    one, other = share_estimate(hits, records, 0.95), share_estimate(records - hits, records, 0.95)
    assert one.low == pytest.approx(1 - other.high, abs=1e-7)
    assert one.high == pytest.approx(1 - other.low, abs=1e-7)
    assert one.low <= one.value <= one.high
    assert one.low < one.high


def test_a_share_of_a_billion_is_as_sure_as_the_normal_distribution_says():
    found = share_estimate(300_000_000, 10**9, 0.95)
    assert found.high - found.low == pytest.approx(2 * 1.959964 * math.sqrt(0.21 / 10**9), rel=1e-3)


def test_a_share_of_nothing_is_not_defined():
    assert share_estimate(0, 0, 0.95) == Estimate(value=None)


def test_a_sum_has_the_interval_that_independent_terms_leave():
    found = together([Estimate(value=1.0, low=0.7, high=1.3), Estimate(value=2.0, low=1.6, high=2.1)])
    assert (found.value, found.low) == (3.0, pytest.approx(2.5))
    assert found.high == pytest.approx(3 + math.hypot(0.3, 0.1))
    assert together([Estimate(value=1.0, low=0.7, high=1.3)], spread=2).low == pytest.approx(0.4)
    assert together([Estimate(value=1.0, low=0.7, high=1.3), Estimate(value=None)]).high == pytest.approx(1.3)


def test_an_interval_of_a_measure_that_samples_overstate_is_mirrored_and_holds_the_value():
    samples = np.array([0.10, *np.linspace(0.10, 0.20, 101)])
    found = mirrored_estimate(samples, 0.9)
    assert (found.low, found.value, found.high) == (pytest.approx(0.005), 0.10, 0.10)
    assert percentile_estimate(samples, 0.9).high == pytest.approx(0.195)


def test_what_is_not_defined_is_none_and_samples_that_are_all_alike_give_no_interval():
    assert percentile_estimate(np.array([np.nan, 1.0]), 0.95).value is None
    assert percentile_estimate(np.array([0.5, 0.5, 0.5]), 0.95) == Estimate(value=0.5)
