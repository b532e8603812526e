"""Summaries of records: cut a split anywhere, and the parts merge to the summary of the whole."""

from __future__ import annotations

import pickle
from functools import reduce
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipline.components.statistics.columns import read_columns
from slipline.components.statistics.feature_statistics import SplitSummary, summarise_columns
from slipline.components.statistics.groups import Groups
from tests.components.tabular import record_of, summary_of

records_ = st.builds(
    lambda integers, floats, texts: record_of({"integers": integers, "floats": floats, "texts": texts}),
    st.lists(st.integers(-100, 100), max_size=3),
    st.lists(st.floats(-100, 100, width=32), max_size=3),
    st.lists(st.binary(max_size=5), max_size=3),
) | st.just(b"\xff")


def assert_same(found, wanted):
    """The same summary, floating-point moments up to rounding."""
    assert (found.records, found.not_examples) == (wanted.records, wanted.not_examples)
    assert set(found.features) == set(wanted.features)
    for name, summary in found.features.items():
        other = wanted.features[name]
        assert (summary.texts, summary.size_bins) == (other.texts, other.size_bins)
        assert summary.valency.counts == other.valency.counts
        for numbers, others in ((summary.integers, other.integers), (summary.floats, other.floats)):
            assert (numbers.counts, numbers.bins) == (others.counts, others.bins)
            assert numbers.moments.mean == pytest.approx(others.moments.mean, abs=1e-9)
            assert numbers.moments.std_dev == pytest.approx(others.moments.std_dev, abs=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.lists(records_, max_size=12), st.lists(st.integers(0, 12), max_size=3))
def test_parts_merge_to_the_summary_of_the_whole(records, cuts):
    edges = [0, *sorted(cuts), len(records)]
    parts = [summary_of(records[start:end]) for start, end in pairwise(edges)]
    assert_same(reduce(SplitSummary.merge, reversed(parts)), summary_of(records))


@settings(max_examples=50, deadline=None)
@given(st.lists(records_, max_size=12))
def test_slices_are_the_summaries_of_their_records_and_merge_to_the_whole(records):
    columns = read_columns(records)
    groups = Groups.by_value(columns, "integers")
    whole, slices = summarise_columns(columns, [Groups.undivided(len(records)), groups])[0]
    assert_same(reduce(SplitSummary.merge, slices.values(), SplitSummary()), whole[""])
    for name, summary in slices.items():
        those = [record for record, code in zip(records, groups.codes, strict=True) if groups.names[code] == name]
        assert_same(summary, summary_of(those))


def test_a_summary_survives_the_way_to_another_worker():
    records = [record_of({"x": float(number), "y": str(number)}) for number in range(1_500)]
    summary = summary_of(records)
    assert_same(pickle.loads(pickle.dumps(summary)), summary)


def test_images_are_summed_up_pixel_by_pixel(png):
    images = [png(2, 3, value=10), png(4, 3, value=20), b"no image"]
    feature = summary_of([record_of({"image": image}) for image in images]).features["image"]
    assert (feature.images.decoded, feature.texts.values) == (2, 1)
    assert feature.images.heights.counts == {2: 1, 4: 1}
    assert feature.images.widths.counts == {3: 2}
    assert feature.images.pixels.moments.mean == pytest.approx((10 * 6 + 20 * 12) / 18)
    assert feature.distinct_bytes == 3
