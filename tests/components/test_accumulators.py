"""Accumulators: whatever the order and grouping, the parts merge to what NumPy says of the whole."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from components.accumulators import MAX_BINS, MAX_DISTINCT, Bins, Moments, NumberSummary, PixelCounts, ValueCounts

finite_floats = st.floats(allow_nan=False, allow_infinity=False, width=64)
moderate_floats = st.floats(-1e6, 1e6)
integers = st.integers(-(2**62), 2**62)
bytes_ = st.integers(0, 255)


def parts_of(elements, dtype):
    """Some arrays: the parts that a whole was cut into, in any order, empty ones among them."""
    return st.lists(st.lists(elements, max_size=20).map(lambda part: np.array(part, dtype)), max_size=6)


def merged(kind, parts, grouping):
    """The summaries of `parts`, merged two by two where `grouping` says."""
    found = [kind.of(part) for part in parts] or [kind()]
    while len(found) > 1:
        place = grouping.draw(st.integers(0, len(found) - 2))
        found[place : place + 2] = [found[place].merge(found[place + 1])]
    return found[0]


def whole_of(parts, dtype):
    return np.concatenate([*parts, np.array([], dtype)])


@given(parts_of(moderate_floats, np.float64), st.data())
def test_moments_of_any_parts_are_numpys_of_the_whole(parts, data):
    moments, whole = merged(Moments, parts, data), whole_of(parts, np.float64)
    assert moments.count == whole.size
    assert moments.zeros == np.count_nonzero(whole == 0)
    if whole.size:
        assert moments.mean == pytest.approx(whole.mean(), rel=1e-9, abs=1e-6)
        assert moments.std_dev == pytest.approx(whole.std(), rel=1e-6, abs=1e-6)
        assert (moments.minimum, moments.maximum) == (whole.min(), whole.max())


@given(parts_of(st.floats(width=32), np.float64), st.data())
def test_moments_count_what_is_not_finite_apart(parts, data):
    moments, whole = merged(Moments, parts, data), whole_of(parts, np.float64)
    assert moments.not_finite == np.count_nonzero(~np.isfinite(whole))
    assert moments.count == np.count_nonzero(np.isfinite(whole))


@given(parts_of(finite_floats, np.float64), st.data())
def test_bins_of_any_parts_are_exactly_those_of_the_whole(parts, data):
    assert merged(Bins, parts, data) == Bins.of(whole_of(parts, np.float64))


@given(parts_of(integers, np.int64), st.data())
def test_bins_of_integers_merge_exactly_and_are_at_least_1_wide(parts, data):
    bins = merged(Bins, parts, data)
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
    bins = Bins.of(np.array(values))
    assert sum(bins.counts.values()) == len(values)


def test_median_of_bins_lies_in_the_bin_of_the_median():
    """A histogram gives the median to within one bin."""
    values = np.linspace(0.0, 10.0, 1_001)
    bins = Bins.of(values)
    assert abs(bins.median - 5.0) <= 2.0**bins.exponent


@given(parts_of(integers, np.int64), st.data())
def test_value_counts_of_any_parts_are_numpys_of_the_whole(parts, data):
    values, counts = np.unique(whole_of(parts, np.int64), return_counts=True)
    assert merged(ValueCounts, parts, data).counts == dict(zip(values.tolist(), counts.tolist(), strict=True))


def test_value_counts_give_up_beyond_the_limit_in_any_grouping():
    """Memory stays bounded, and the answer does not depend on which worker saw what."""
    parts = [ValueCounts.of(np.arange(start, start + 600)) for start in (0, 600, 300)]
    assert parts[0].merge(parts[1]).merge(parts[2]).counts is None
    assert parts[1].merge(parts[2]).merge(parts[0]).counts is None
    assert ValueCounts.of(np.arange(MAX_DISTINCT)).counts is not None


@given(parts_of(bytes_, np.uint8), st.data())
def test_pixel_counts_of_any_parts_give_numpys_moments_of_the_whole(parts, data):
    moments, whole = merged(PixelCounts, parts, data).moments, whole_of(parts, np.uint8)
    assert moments.count == whole.size
    if whole.size:
        assert moments.mean == pytest.approx(whole.mean())
        assert moments.std_dev == pytest.approx(whole.std(), abs=1e-9)
        assert (moments.minimum, moments.maximum) == (whole.min(), whole.max())


@given(parts_of(integers, np.int64), st.data())
def test_number_summary_merges_part_by_part(parts, data):
    summary, whole = merged(NumberSummary, parts, data), whole_of(parts, np.int64)
    assert summary.bins == Bins.of(whole)
    assert summary.values == ValueCounts.of(whole)
    assert summary.moments.count == whole.size


def test_no_values_have_no_mean_and_an_empty_range():
    """The default is the summary of nothing and changes nothing it is merged with."""
    some = Moments.of(np.array([1.0, 2.0]))
    assert Moments().merge(some) == some.merge(Moments()) == some
    assert (Moments().minimum, Moments().std_dev) == (math.inf, 0.0)
