"""Distinct counts: exact while few, then within the error they state, whatever the order and grouping."""

from __future__ import annotations

import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipline.components.statistics.sketches import DistinctSketch
from slipline.components.statistics.value_counts import MAX_DISTINCT, ValueCounts
from tests.components.merging import cut, merged


def counted(values):
    return ValueCounts.of_counts(Counter(values))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.data())
def test_a_sketch_gives_the_same_estimate_in_every_order_and_grouping(seed, data):
    """Not so the library's own sketch, which remembers the order of what it was fed, until it is merged."""
    values = np.random.default_rng(seed).permutation(range(0, 12_000, 3)).tolist()
    parts = [DistinctSketch.of(part) for part in cut(values, data)]
    assert merged(parts, data).estimate == DistinctSketch.of(range(0, 12_000, 3)).estimate


@pytest.mark.parametrize("count", [2_000, 50_000, 400_000])
def test_an_estimate_is_within_four_times_the_stated_error(count):
    sketch = DistinctSketch.of(range(count))
    assert 0 < sketch.error < 0.02
    assert sketch.estimate == pytest.approx(count, rel=4 * sketch.error)


@given(st.lists(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20), min_size=1, max_size=5), st.data())
def test_few_different_values_are_counted_exactly(parts, data):
    found = merged([counted(part) for part in parts], data)
    assert (found.distinct, found.distinct_error) == (len(set().union(*parts)), 0)


def test_beyond_the_limit_the_count_is_an_estimate_in_any_grouping():
    parts = [counted(range(start, start + 600)) for start in (0, 300, 600)]
    one, other = parts[0].merge(parts[1]).merge(parts[2]), parts[2].merge(parts[0]).merge(parts[1])
    assert one.counts is other.counts is None
    assert one.distinct == other.distinct == pytest.approx(1_200, rel=4 * one.distinct_error)
    assert counted(range(MAX_DISTINCT)).distinct_error == 0


def test_sketches_survive_the_way_to_another_worker():
    sketch = DistinctSketch.of(range(5_000))
    assert pickle.loads(pickle.dumps(sketch)) == sketch


def test_merging_leaves_what_was_merged_as_it_was():
    one, other = DistinctSketch.of(range(2_000)), DistinctSketch.of(range(1_000, 4_000))
    before = (one.estimate, other.estimate)
    one.merge(other)
    assert (one.estimate, other.estimate) == before
