"""Distances between distributions are those of the textbooks, however the histograms are cut."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import statistics_pb2

from slipline.components.statistics.distributions import (
    Buckets,
    buckets_of,
    counts_of,
    jensen_shannon,
    largest_difference,
)

COUNTS = st.lists(st.integers(0, 1000), min_size=1, max_size=8).filter(any)


def buckets(counts: list[float], low: float = 0.0, width: float = 1.0) -> Buckets:
    return Buckets(edges=low + width * np.arange(len(counts) + 1), counts=np.array(counts, np.float64))


@given(COUNTS)
def test_a_distribution_is_nowhere_from_itself_however_much_there_is_of_it(counts: list[int]) -> None:
    twice = [2 * count for count in counts]
    assert jensen_shannon(buckets(counts), buckets(twice)) == pytest.approx(0, abs=1e-12)
    table = {str(value): float(count) for value, count in enumerate(counts)}
    assert largest_difference(table, table).distance == 0


@given(COUNTS, COUNTS)
def test_the_divergence_is_the_same_both_ways_and_between_0_and_1_bit(one: list[int], other: list[int]) -> None:
    there, back = jensen_shannon(buckets(one), buckets(other)), jensen_shannon(buckets(other), buckets(one))
    assert there == pytest.approx(back, abs=1e-12)
    assert 0 <= there <= 1 + 1e-12


def test_histograms_that_do_not_overlap_are_one_bit_apart() -> None:
    assert jensen_shannon(buckets([3, 4]), buckets([5], low=10)) == pytest.approx(1)


def test_the_divergence_of_two_coins_is_what_the_formula_gives() -> None:
    def entropy(p: float) -> float:
        return -p * math.log2(p) - (1 - p) * math.log2(1 - p)

    expected = entropy(0.65) - (entropy(0.5) + entropy(0.8)) / 2
    assert jensen_shannon(buckets([5, 5]), buckets([8, 2])) == pytest.approx(expected)


@given(COUNTS)
def test_cutting_every_bucket_in_two_changes_nothing(counts: list[int]) -> None:
    halves = [half for count in counts for half in (count / 2, count / 2)]
    assert jensen_shannon(buckets(counts), buckets(halves, width=0.5)) == pytest.approx(0, abs=1e-12)


def test_the_value_whose_share_moved_most_is_named_with_both_shares() -> None:
    apart = largest_difference({"a": 5, "b": 5}, {"a": 1, "b": 7, "c": 2})
    assert (apart.value, apart.before, apart.after) == ("a", 0.5, 0.1)


def test_an_empty_table_has_no_value_that_moved() -> None:
    assert largest_difference({}, {}).distance == 0


def test_a_feature_without_a_histogram_or_counts_has_no_distribution() -> None:
    nothing = statistics_pb2.FeatureNameStatistics(name="x")
    assert buckets_of(nothing) is None
    assert counts_of(nothing) is None
