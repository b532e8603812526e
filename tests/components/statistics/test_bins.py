"""Bins: histograms that merge exactly, without a range fixed beforehand."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from slipline.components.statistics.bins import MAX_BINS, Bins
from tests.components.merging import finite_floats, integers, merged_parts, moderate_floats, parts_of, whole_of


@given(parts_of(finite_floats, np.float64), st.data())
def test_bins_of_any_parts_are_exactly_those_of_the_whole(parts, data):
    assert merged_parts(Bins, parts, data) == Bins.of(whole_of(parts, np.float64))


@given(parts_of(integers, np.int64), st.data())
def test_bins_of_integers_merge_exactly_and_are_at_least_1_wide(parts, data):
    bins = merged_parts(Bins, parts, data)
    assert bins == Bins.of(whole_of(parts, np.int64))
    assert bins.exponent is None or bins.exponent >= 0


@example([2.225e-311])
@given(st.lists(moderate_floats, min_size=1, max_size=50))
def test_bins_hold_each_value_between_their_edges(values):
    bins = list(Bins.of(np.array(values)))
    assert len(bins) <= MAX_BINS
    for each in bins:
        assert each.count == sum(each.low <= value < each.high for value in values)


@given(st.lists(finite_floats, min_size=1, max_size=50))
def test_bins_lose_no_value_however_far_apart(values):
    assert sum(Bins.of(np.array(values)).counts.values()) == len(values)
