"""Summaries of numbers: cut anywhere, they merge to what NumPy says of the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipline.components.statistics.bins import Bins
from slipline.components.statistics.number_summary import NumberSummary
from slipline.components.statistics.value_counts import MAX_DISTINCT
from tests.components.merging import cut, integers, merged, merged_parts, parts_of, whole_of


@given(parts_of(integers, np.int64), st.data())
def test_integers_are_counted_exactly_in_any_grouping(parts, data):
    summary, whole = merged_parts(NumberSummary, parts, data), whole_of(parts, np.int64)
    values, counts = np.unique(whole, return_counts=True)
    assert summary.counts == dict(zip(values.tolist(), counts.tolist(), strict=True))
    assert summary.bins == Bins.of(whole)
    assert (summary.distinct, summary.distinct_error, summary.rank_error) == (values.size, 0, 0)
    if whole.size:
        wanted = np.quantile(whole, [0, 0.25, 0.5, 0.75, 1], method="inverted_cdf")
        assert summary.quantiles(4) == wanted.astype(np.float64).tolist()


@given(parts_of(st.floats(width=32), np.float32), st.data())
def test_floats_are_exact_too_while_few_and_only_finite_ones_count(parts, data):
    summary, whole = merged_parts(NumberSummary, parts, data), whole_of(parts, np.float32)
    finite = whole[np.isfinite(whole)].astype(np.float64)
    assert summary.distinct == np.unique(finite).size
    assert summary.moments.not_finite == whole.size - finite.size
    if finite.size:
        assert summary.quantiles(2) == np.quantile(finite, [0, 0.5, 1], method="inverted_cdf").tolist()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.data())
def test_beyond_the_limit_sketches_take_over_in_any_grouping(seed, data):
    """The least and the greatest stay exact, and so does everything but quantiles and the number of values."""
    values = np.sqrt(np.random.default_rng(seed).permutation(2_500)).astype(np.float32)
    summary, whole = merged(map(NumberSummary.of, cut(values, data)), data), NumberSummary.of(values)
    assert summary.counts is None
    assert summary.distinct == whole.distinct == pytest.approx(2_500, rel=4 * summary.distinct_error)
    assert summary.bins == whole.bins
    quantiles = summary.quantiles(10)
    assert (quantiles[0], quantiles[-1]) == (values.min(), values.max())
    ranks = np.searchsorted(np.sort(values), quantiles) / values.size
    assert np.abs(ranks - np.arange(11) / 10).max() <= 3 * summary.rank_error + 1 / values.size


def test_as_many_values_as_the_limit_are_still_exact_and_one_more_is_not():
    at_limit = NumberSummary.of(np.arange(MAX_DISTINCT))
    assert at_limit.merge(at_limit).counts is not None
    beyond = at_limit.merge(NumberSummary.of(np.array([MAX_DISTINCT])))
    assert beyond.counts is None
    assert beyond.merge(NumberSummary()).distinct == beyond.distinct


def test_no_values_have_the_quantile_zero():
    assert NumberSummary().quantiles(2) == [0, 0, 0]
    assert NumberSummary.of(np.array([np.nan, np.inf])).quantiles(1) == [0, 0]
