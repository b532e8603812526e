"""Pixel counts: exact, and NumPy's moments follow from them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.components.statistics.image_summary import PixelCounts
from tests.components.merging import merged_parts, parts_of, whole_of


@given(parts_of(st.integers(0, 255), np.uint8), st.data())
def test_pixel_counts_of_any_parts_give_numpys_moments_of_the_whole(parts, data):
    counts, whole = merged_parts(PixelCounts, parts, data), whole_of(parts, np.uint8)
    moments = counts.moments
    assert moments.count == whole.size
    assert counts.counts.tolist() == np.bincount(whole, minlength=256).tolist()
    if whole.size:
        assert moments.mean == pytest.approx(whole.mean())
        assert moments.std_dev == pytest.approx(whole.std(), abs=1e-9)
        assert (moments.minimum, moments.maximum) == (whole.min(), whole.max())


def test_pixels_of_any_shape_and_layout_are_counted():
    """A view that skips pixels counts only those it shows."""
    pixels = np.arange(2 * 4 * 6 * 3, dtype=np.uint8).reshape(2, 4, 6, 3)
    assert PixelCounts.of(pixels[:, ::2]).counts.sum() == 2 * 2 * 6 * 3
    assert PixelCounts.of(pixels[:, ::2]).counts[18] == 0
