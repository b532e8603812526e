"""Exact counts of values."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from slipline.components.statistics.merging import together
from slipline.components.statistics.value_counts import ranked

words = st.lists(st.sampled_from("abcdef"), max_size=20)


@given(words, words)
def test_merged_counts_are_those_of_both_together(some, others):
    before = Counter(some)
    assert together(before, Counter(others)) == Counter(some + others)
    assert before == Counter(some)


def test_ranked_puts_the_most_frequent_first_and_equals_in_order():
    assert ranked({"b": 1, "c": 5, "a": 1}.items()) == [("c", 5), ("a", 1), ("b", 1)]
