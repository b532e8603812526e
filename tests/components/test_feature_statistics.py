"""Summaries of records: cut a split anywhere, and the parts merge to the summary of the whole."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.examples_io import encode_example
from components.feature_statistics import SplitSummary, merge_all
from serving.wire.example_pb2 import Example


def example(integers, floats, texts):
    record = Example()
    record.features.feature["integers"].int64_list.value.extend(integers)
    record.features.feature["floats"].float_list.value.extend(floats)
    record.features.feature["texts"].bytes_list.value.extend(texts)
    return record.SerializeToString()


examples = st.builds(
    example,
    st.lists(st.integers(-100, 100), max_size=3),
    st.lists(st.floats(-100, 100, width=32), max_size=3),
    st.lists(st.binary(max_size=5), max_size=3),
)


@settings(max_examples=50)
@given(st.lists(examples | st.just(b"\xff"), max_size=12), st.lists(st.integers(0, 12), max_size=3))
def test_parts_merge_to_the_summary_of_the_whole(records, cuts):
    edges = [0, *sorted(cuts), len(records)]
    parts = [SplitSummary.of(records[start:end]) for start, end in pairwise(edges)]
    merged, whole = merge_all(reversed(parts)), SplitSummary.of(records)
    assert (merged.records, merged.not_examples) == (whole.records, whole.not_examples)
    assert set(merged.features) == set(whole.features)
    for name, summary in merged.features.items():
        wanted = whole.features[name]
        assert summary.integers.values == wanted.integers.values
        assert summary.integers.bins == wanted.integers.bins
        assert summary.floats.bins == wanted.floats.bins
        assert summary.size_bins == wanted.size_bins
        assert summary.valency.count == wanted.valency.count
        assert summary.floats.moments.mean == pytest.approx(wanted.floats.moments.mean, abs=1e-9)


def test_images_are_summed_up_pixel_by_pixel(png):
    images = [png(2, 3, value=10), png(4, 3, value=20), b"no image"]
    summary = SplitSummary.of([encode_example(image, 1) for image in images]).features["image"].images
    pixels = np.array([10] * 6 + [20] * 12)
    assert summary.undecodable == 1
    assert summary.heights.values.counts == {2: 1, 4: 1}
    assert summary.widths.values.counts == {3: 2}
    assert summary.pixels.moments.mean == pytest.approx(pixels.mean())
    assert summary.pixels.moments.std_dev == pytest.approx(pixels.std())
