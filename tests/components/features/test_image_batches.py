"""Many images: decoded together to exactly what each decodes to alone, whatever the bytes."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from slipline.components.examples.example_records import parse_example
from slipline.components.features.decode_images import UndecodableImage, decode_with_mode
from slipline.components.features.image_batches import FEWEST_PLAIN, GROUP_BYTES, content_digests, decode_groups
from slipline.components.features.png_rows import IEND, PNG_SIGNATURE, filtered_rows, plain_head, unfiltered
from tests.small_mnist import first_records

MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK")


def encoded(pixels, kind="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2:] == (1,) else pixels).save(file, kind, **options)
    return file.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, rows, *, depth=8, colour=0, interlace=0, middle=()):
    """A PNG file of these filtered rows, with more chunks before the pixels."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    chunks = [chunk(b"IHDR", head), *middle, chunk(b"IDAT", zlib.compress(rows)), IEND]
    return PNG_SIGNATURE + b"".join(chunks)


def assert_same_as_singly(images):
    """Every image is in exactly one group, as `decode_image` has it; those that it refuses are in none."""
    together = {}
    for group in decode_groups(images):
        assert len(group.places) == len(group.pixels) > 0
        assert group.places.tolist() == sorted(set(group.places.tolist()))
        for place, pixels in zip(group.places.tolist(), group.pixels, strict=True):
            assert place not in together
            together[place] = (pixels, group.mode)
    for place, image in enumerate(images):
        try:
            pixels, mode = decode_with_mode(image)
        except UndecodableImage:
            assert place not in together
            continue
        assert np.array_equal(together[place][0], pixels)
        assert together[place][1] == mode


@st.composite
def pillow_images(draw):
    """An image as Pillow writes it, of any mode and of a small size."""
    mode = draw(st.sampled_from(MODES))
    width, height = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    seed = draw(st.integers(0, 2**32 - 1))
    noise = np.random.default_rng(seed).integers(0, draw(st.sampled_from([2, 256])), (height, width, 4), np.uint8)
    image = Image.fromarray(noise, "RGBA")
    image = Image.new(mode, (width, height)) if mode == "I;16" else image.convert(mode)
    file = io.BytesIO()
    kind = "JPEG" if mode == "CMYK" or (mode in ("L", "RGB") and draw(st.integers(0, 4)) == 0) else "PNG"
    options = {"transparency": 0} if mode == "L" and draw(st.booleans()) else {}
    image.save(file, kind, **options)
    return file.getvalue()


@st.composite
def filtered_images(draw):
    """A PNG whose rows have any filters, some of them none that exists, and perhaps a row too few or too many."""
    colour, channels = draw(st.sampled_from([(0, 1), (2, 3), (4, 2), (6, 4), (3, 1), (5, 1)]))
    width, height = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    rows = height + draw(st.sampled_from([0] * 8 + [-1, 1]))
    noise = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).integers(0, 256, (rows, width * channels), np.uint8)
    filters = draw(st.lists(st.sampled_from([0, 1, 2, 3, 4] * 10 + [5, 255]), min_size=rows, max_size=rows))
    data = b"".join(bytes([number]) + row.tobytes() for number, row in zip(filters, noise, strict=True))
    return png(width, height, data, colour=colour)


@st.composite
def damaged(draw, images):
    """An image with some byte changed, left out or added, or cut off; its checksums perhaps mended."""
    image = bytearray(draw(images))
    place = draw(st.integers(0, len(image) - 1))
    length = draw(st.sampled_from([0, 1, 1, 1, 4, len(image)]))
    image[place : place + length] = draw(st.binary(max_size=length + 1))
    return _with_checksums(bytes(image)) if draw(st.booleans()) else bytes(image)


def _with_checksums(image):
    mended, position = bytearray(image), 8
    while position + 12 <= len(mended):
        end = position + 8 + int.from_bytes(mended[position : position + 4], "big")
        if end + 4 > len(mended):
            break
        mended[end : end + 4] = struct.pack(">I", zlib.crc32(mended[position + 4 : end]))
        position = end + 4
    return bytes(mended)


ANY_IMAGE = st.one_of(pillow_images(), filtered_images())


def with_company(images):
    """The images, and of each plain one so many good ones alike that all go the way of many."""
    company = []
    for head in {head for image in images if (head := plain_head(image)) is not None}:
        if head.filtered_bytes < 1_000:
            company.extend([encoded(np.full(head.shape, 7, np.uint8))] * FEWEST_PLAIN)
    return [*images, *company]


@pytest.mark.slow
@settings(max_examples=200)
@given(st.lists(ANY_IMAGE, min_size=1, max_size=5))
def test_images_decode_together_as_singly(images):
    assert_same_as_singly(with_company(images))


@pytest.mark.slow
@settings(max_examples=300)
@given(st.lists(damaged(ANY_IMAGE), min_size=1, max_size=4))
def test_damaged_images_decode_or_not_together_as_singly(images):
    assert_same_as_singly(with_company(images))


@given(st.lists(st.binary(max_size=60) | st.binary(max_size=60).map(PNG_SIGNATURE.__add__), max_size=3))
def test_bytes_that_are_no_images_are_in_no_group(images):
    assert not list(decode_groups(images))


def test_digits_decode_together_as_singly():
    """Real images use all filters, in any order of rows."""
    records = first_records("train", 500)
    images = [parse_example(record).features.feature["image"].bytes_list.value[0] for record in records]
    assert all(filtered_rows(image, plain_head(image)) for image in images)
    assert_same_as_singly(images)


def test_photographs_in_colour_decode_together_as_singly():
    x, y, shift = np.ogrid[:40, :30, :FEWEST_PLAIN]
    wave = (127 + 90 * np.sin(x / 7 + shift) + 30 * np.cos(y / 3)).astype(np.uint8)
    images = [encoded(np.stack([wave[..., i], wave[::-1, :, i], wave[:, ::-1, i]], -1)) for i in range(FEWEST_PLAIN)]
    assert all(filtered_rows(image, plain_head(image)) for image in images)
    assert_same_as_singly(images)


def test_every_combination_of_neighbours_is_filtered_as_the_format_says():
    """The filter called Paeth, whose definition has the most cases, in every one of them."""
    left, above = np.divmod(np.arange(1 << 16), 256)
    rows = np.zeros((1 << 16, 2, 3), np.uint8)
    rows[:, 0, 2], rows[:, 1, 0] = above, 4
    for corner in range(256):
        rows[:, 0, 1], rows[:, 1, 1] = corner, left - corner  # predicted from the corner, which is above it
        estimate = left + above - corner
        distances = np.abs(np.stack([left, above, np.full_like(left, corner)]) - estimate)
        nearest = np.choose(distances.argmin(axis=0), [left, above, corner])
        assert np.array_equal(unfiltered(rows, 1)[:, 1, 1, 0], nearest)


def test_a_bomb_is_unpacked_no_further_than_its_head_says():
    """A tiny stream that would unpack to a gigabyte costs no more memory than the image it claims to be."""
    bomb = png(4, 4, bytes(1 << 24))
    good = [png(4, 4, bytes(20))] * FEWEST_PLAIN
    tracemalloc.start()
    groups = list(decode_groups([bomb, *good]))
    assert tracemalloc.get_traced_memory()[1] < 1 << 22
    tracemalloc.stop()
    assert sum(len(group.places) for group in groups) >= len(good)


@pytest.mark.parametrize("shape", [(30_000, 1), (1, 30_000), (100, 26)])
def test_slim_images_cost_little_more_memory_than_their_pixels(shape):
    images = [encoded(np.full(shape, 7, np.uint8))] * 300
    tracemalloc.start()
    assert sum(len(group.places) for group in decode_groups(images)) == 300
    assert tracemalloc.get_traced_memory()[1] < 10 * 300 * shape[0] * shape[1]
    tracemalloc.stop()


def test_groups_hold_no_more_pixels_than_they_may():
    """Memory stays flat however many images come; a larger one is a group of its own."""
    small = [encoded(np.zeros((250, 250), np.uint8))] * 200
    large = [encoded(np.zeros((3_000, 3_000), np.uint8))] * 2
    groups = list(decode_groups([*small, *large]))
    assert all(group.pixels.nbytes <= GROUP_BYTES or len(group.pixels) == 1 for group in groups)
    assert sorted(place for group in groups for place in group.places.tolist()) == list(range(202))


def digests(images):
    found = np.zeros((len(images), 2), np.uint64)
    for group in decode_groups(images):
        found[group.places] = content_digests(group)
    return list(map(tuple, found.tolist()))


def test_the_same_pixels_have_the_same_digest_however_they_are_encoded():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 6), np.uint8)
    plain, packed = encoded(pixels), encoded(pixels, compress_level=1, dpi=(300, 300))
    assert plain != packed
    one, same, *many = digests([plain, packed, *[plain] * FEWEST_PLAIN])
    assert {one, same, *many} == {one}


def test_other_pixels_or_another_shape_have_another_digest():
    values = np.arange(24, dtype=np.uint8)
    shapes = [(4, 6), (6, 4), (2, 4, 3), (4, 2, 3), (2, 3, 4)]
    changed = values.reshape(4, 6).copy()
    changed[3, 5] += 1
    assert len(set(digests([*(encoded(values.reshape(shape)) for shape in shapes), encoded(changed)]))) == 6
