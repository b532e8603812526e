"""Moments: whatever the order and grouping, the parts merge to what NumPy says of the whole."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.components.statistics.moments import Moments
from tests.components.merging import merged_parts, moderate_floats, parts_of, whole_of


@given(parts_of(st.floats(width=32), np.float32), st.data())
def test_the_order_and_grouping_change_not_even_the_last_bit(parts, data):
    one, other = (merged_parts(Moments, parts, data) for _ in range(2))
    assert one == other
    assert (one.mean, one.std_dev) == (other.mean, other.std_dev)


@given(parts_of(moderate_floats, np.float64), st.data())
def test_moments_of_any_parts_are_numpys_of_the_whole(parts, data):
    moments, whole = merged_parts(Moments, parts, data), whole_of(parts, np.float64)
    assert moments.count == whole.size
    assert moments.zeros == np.count_nonzero(whole == 0)
    if whole.size:
        assert moments.mean == pytest.approx(whole.mean(), rel=1e-9, abs=1e-6)
        assert moments.std_dev == pytest.approx(whole.std(), rel=1e-6, abs=1e-6)
        assert (moments.minimum, moments.maximum) == (whole.min(), whole.max())


@given(parts_of(st.floats(width=32), np.float64), st.data())
def test_moments_count_what_is_not_finite_apart(parts, data):
    moments, whole = merged_parts(Moments, parts, data), whole_of(parts, np.float64)
    assert moments.not_finite == np.count_nonzero(~np.isfinite(whole))
    assert moments.count == np.count_nonzero(np.isfinite(whole))


def test_no_values_have_no_mean_and_an_empty_range():
    """The default is the summary of nothing and changes nothing it is merged with."""
    some = Moments.of(np.array([1.0, 2.0]))
    assert Moments().merge(some) == some.merge(Moments()) == some
    assert (Moments().minimum, Moments().std_dev) == (math.inf, 0.0)
