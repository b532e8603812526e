"""Summaries of byte strings: counted exactly while few; text if all of them are."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.components.statistics.text_summary import LONGEST_KEPT_BYTES, TextSummary
from tests.components.merging import merged

byte_strings = st.one_of(
    st.binary(max_size=6), st.text(max_size=6).map(str.encode), st.sampled_from([b"x", b"long" * 99])
)


@given(st.lists(st.lists(byte_strings, max_size=12), min_size=1, max_size=5), st.data())
def test_any_parts_merge_to_the_summary_of_the_whole(parts, data):
    whole = [value for part in parts for value in part]
    summary = merged(map(TextSummary.of, parts), data)
    assert summary == TextSummary.of(whole)
    assert (summary.values, summary.distinct) == (len(whole), len(set(whole)))


@given(st.lists(st.text(max_size=5), min_size=1, max_size=30))
def test_text_has_its_length_in_characters_and_its_values_ranked(texts):
    summary = TextSummary.of([text.encode() for text in texts])
    assert summary.is_text
    assert summary.characters == sum(map(len, texts))
    assert dict(summary.ranked()) == Counter(texts)
    counts = [count for _, count in summary.ranked()]
    assert counts == sorted(counts, reverse=True)


def test_one_value_that_is_not_utf8_makes_it_bytes_wherever_it_came():
    text, other = TextSummary.of([b"a", b"b"]), TextSummary.of([b"\xff"])
    assert text.is_text
    assert not other.merge(text).is_text
    assert other.merge(text).not_text == 1


def test_no_values_are_no_text():
    assert not TextSummary().is_text


def test_of_a_long_value_only_its_beginning_is_kept_and_different_ones_stay_different():
    long = ["é" * LONGEST_KEPT_BYTES + end for end in ("a", "b")]
    summary = TextSummary.of([text.encode() for text in [*long, long[0]]])
    assert [count for _, count in summary.ranked()] == [2, 1]
    assert all(value.startswith("é" * 20 + "... (401 bytes, blake2b ") for value, _ in summary.ranked())
    assert all(len(value) < LONGEST_KEPT_BYTES for value in summary.counts)


def test_beyond_the_limit_top_values_and_an_estimate_are_left_in_any_grouping():
    frequent = [b"often"] * 2_000
    parts = [
        TextSummary.of([*frequent, *(b"%d" % number for number in range(start, start + 700))])
        for start in (0, 700, 300)
    ]
    for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2)):
        first, second, third = (parts[place] for place in order)
        for summary in (first.merge(second).merge(third), first.merge(second.merge(third))):
            assert summary.counts is None
            (value, count), *_ = summary.ranked()
            assert value == "often"
            assert 6_000 <= count <= 6_000 + summary.ranked_error
            assert summary.distinct == pytest.approx(1_401, rel=4 * summary.distinct_error)
            assert summary.values == 8_100


def test_bytes_that_are_no_text_are_told_apart_beyond_the_limit_too():
    values = [bytes([255, *divmod(number, 256)]) for number in range(3_000)]
    summary = TextSummary.of(values)
    assert summary.distinct == pytest.approx(3_000, rel=4 * summary.distinct_error)
