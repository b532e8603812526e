"""Quantiles: exact from counts, within the stated error from a sketch."""

from __future__ import annotations

import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.components.statistics.number_summary import exact_quantiles
from slipline.components.statistics.sketches import REPEATED_AT_ONCE, QuantileSketch


def sketch_of(values):
    return QuantileSketch.of_counts(Counter(values.tolist()))


def ranks_of(values, quantiles):
    """The share of the sorted `values` below, and up to, each of the quantiles."""
    return np.searchsorted(values, quantiles, "left") / values.size, np.searchsorted(
        values, quantiles, "right"
    ) / values.size


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=100), st.sampled_from([1, 2, 4, 8]))
def test_exact_quantiles_are_numpys(values, parts):
    wanted = np.quantile(values, np.arange(parts + 1) / parts, method="inverted_cdf")
    assert exact_quantiles(Counter(values), parts) == wanted.tolist()


@pytest.mark.parametrize("grouping", ["in a row", "as a tree"])
def test_a_sketch_of_any_parts_is_within_three_times_its_error(grouping):
    """The library states the error that holds in 99 % of cases."""
    values = np.random.default_rng(7).lognormal(size=200_000)
    sketches = [sketch_of(part) for part in np.array_split(values, 16)]
    while len(sketches) > 1:
        first = sketches.pop(0)
        other = sketches.pop(0) if grouping == "as a tree" else sketches.pop()
        sketches.insert(0 if grouping == "in a row" else len(sketches), first.merge(other))
    (sketch,) = sketches
    below, up_to = ranks_of(np.sort(values), sketch.quantiles(10))
    wanted = np.arange(11) / 10
    assert sketch.rank_error < 0.003
    assert (below <= wanted + 3 * sketch.rank_error).all()
    assert (up_to >= wanted - 3 * sketch.rank_error).all()


def test_counts_enter_a_sketch_with_their_weight():
    """More of one value than are repeated at once do not get lost."""
    many = REPEATED_AT_ONCE + 1
    sketch = QuantileSketch.of_counts({1.0: many, 2.0: many // 2})
    assert sketch.quantiles(2) == [1.0, 1.0, 2.0]


def test_sketches_pickle_and_are_not_changed_by_merging():
    one, other = sketch_of(np.arange(5_000)), sketch_of(np.arange(5_000, 9_000))
    before = one.quantiles(4)
    one.merge(other)
    assert one.quantiles(4) == before
    assert pickle.loads(pickle.dumps(one)) == one
