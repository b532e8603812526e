"""Images: each decoded once, described as a whole and in every slice."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from slipline.components.statistics.columns import BYTES, read_columns
from slipline.components.statistics.groups import Groups
from slipline.components.statistics.image_summary import ImageSummary, decode_column
from tests.components.tabular import record_of


def column_of(values):
    columns = read_columns([record_of({"image": value}) for value in values])
    return columns.columns["image", BYTES]


def png_of(pixels, mode=None):
    file = io.BytesIO()
    image = Image.fromarray(np.asarray(pixels, np.uint8))
    (image if mode is None else image.convert(mode)).save(file, "PNG")
    return file.getvalue()


def test_images_of_all_sizes_and_modes_are_described_by_slice_as_by_hand():
    random = np.random.default_rng(5)
    arrays = [random.integers(0, 256, shape) for shape in [(2, 3), (2, 3), (4, 3), (4, 3, 3), (2, 2, 4)]]
    values = [*map(png_of, arrays), b"no image", png_of(arrays[0])[:-20]]
    slices = Groups(np.array([0, 1, 1, 0, 1, 1, 0]), ("a", "b"))
    column, undivided = column_of(values), Groups.undivided(7)
    decoded = decode_column(column, [undivided, slices])
    assert decoded.decoded.tolist() == [True] * 5 + [False] * 2
    for groups, number, code in ((undivided, 0, 0), (slices, 1, 0), (slices, 1, 1)):
        (places,) = np.nonzero(groups.codes == code)
        summary = ImageSummary.of(decoded, places, decoded.pixels[number][code])
        those = [arrays[place] for place in places if place < 5]
        pixels = np.concatenate([array.ravel() for array in those])
        assert summary.decoded == len(those)
        assert sum(height * count for height, count in summary.heights.counts.items()) == sum(map(len, those))
        assert summary.pixels.moments.mean == pytest.approx(pixels.mean())
        assert summary.pixels.moments.std_dev == pytest.approx(pixels.std())
        assert summary.pixels.moments.count == pixels.size
    whole = ImageSummary.of(decoded, np.arange(7), decoded.pixels[0][0])
    assert whole.modes == {"L": 3, "RGB": 1, "RGBA": 1}
    assert whole.channels.counts == {1: 3, 3: 1, 4: 1}
    assert whole.widths.counts == {3: 4, 2: 1}


def test_images_are_told_apart_by_their_pixels_not_by_how_they_are_encoded():
    """A palette image and a colour image of the same pixels are one content."""
    grey = np.full((3, 3, 3), 51, np.uint8)  # in every palette
    decoded = decode_column(column_of([png_of(grey), png_of(grey, "P"), png_of(grey + 1)]), [Groups.undivided(3)])
    summary = ImageSummary.of(decoded, np.arange(3), decoded.pixels[0][0])
    assert (summary.contents.distinct, summary.contents.distinct_error) == (2, 0)
    assert summary.modes == {"RGB": 2, "P": 1}


def test_bytes_none_of_which_looks_like_an_image_are_not_decoded():
    assert decode_column(column_of([b"text", b""]), [Groups.undivided(2)]) is None
