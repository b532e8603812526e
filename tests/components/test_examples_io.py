"""Examples: whatever bytes come, an image is decoded as training would, or refused with the reason."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from components.errors import BadData
from components.examples_io import (
    JPEG_SIGNATURE,
    PNG_SIGNATURE,
    UndecodableImage,
    decode_image,
    encode_example,
    parse_example,
    read_batches,
    read_split,
    stated_shape,
)
from components.schema_io import example_spec
from pipeline.artifacts import Schema

SPEC = example_spec(Schema(path=Path(__file__).parents[2] / "data/schema/mnist.pbtxt"))


def encoded(pixels, kind="PNG", mode=None):
    file = io.BytesIO()
    Image.fromarray(pixels, mode).save(file, kind)
    return file.getvalue()


@given(st.binary(max_size=50), st.integers(-(2**63), 2**63 - 1))
def test_an_example_comes_back_as_encoded(image, label):
    features = parse_example(encode_example(image, label)).features.feature
    assert list(features["image"].bytes_list.value) == [image]
    assert list(features["label"].int64_list.value) == [label]


@pytest.mark.parametrize("shape", [(28, 27), (5, 6, 3), (5, 6, 4)])
def test_a_png_is_decoded_to_its_very_pixels(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    image = encoded(pixels)
    assert np.array_equal(decode_image(image), pixels.reshape(*shape[:2], -1))
    assert stated_shape(image) == decode_image(image).shape


def test_a_jpeg_is_decoded_to_about_its_pixels():
    pixels = np.full((16, 8, 3), 100, np.uint8)
    assert np.allclose(decode_image(encoded(pixels, "JPEG")), pixels, atol=3)


def test_a_palette_image_has_the_channels_of_its_colours():
    image = io.BytesIO()
    Image.new("P", (4, 3)).save(image, "PNG")
    assert decode_image(image.getvalue()).shape == stated_shape(image.getvalue()) == (3, 4, 3)


def test_sixteen_bits_a_channel_are_refused():
    image = encoded(np.zeros((4, 4), np.uint16))
    with pytest.raises(UndecodableImage, match="wanted grey or RGB of 8 bits"):
        decode_image(image)


def test_another_image_format_is_refused():
    with pytest.raises(UndecodableImage, match="neither a PNG nor a JPEG"):
        decode_image(encoded(np.zeros((4, 4), np.uint8), "BMP"))


@given(st.data())
def test_no_flipped_bit_of_a_png_goes_unnoticed(data):
    """TensorFlow checks the checksums within a PNG file, so an image that passes here decodes there."""
    image = bytearray(encoded(np.arange(100, dtype=np.uint8).reshape(10, 10)))
    place = data.draw(st.integers(0, len(image) - 1))
    image[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(UndecodableImage):
        decode_image(bytes(image))


@given(st.sampled_from([b"", PNG_SIGNATURE, JPEG_SIGNATURE]), st.binary(max_size=100), st.integers(0, 120))
def test_any_bytes_are_an_image_or_refused(head, tail, cut):
    """No input raises anything else."""
    jpeg = encoded(np.zeros((4, 4), np.uint8), "JPEG")
    for image in (head + tail, jpeg[:cut] + tail, jpeg[:cut] + tail + jpeg[cut:]):
        for read in (decode_image, stated_shape):
            with suppress(UndecodableImage):
                read(image)


def test_batches_hold_the_split_in_record_order(plane, digits):
    plane.write("train", digits)
    examples = plane.ingest()
    batches = list(read_batches(examples, "train", SPEC, size=4))
    assert [len(batch.labels) for batch in batches] == [4, 4, 2]
    whole = read_split(examples, "train", SPEC)
    assert whole.images.shape == (10, 28, 28, 1)
    assert whole.labels.tolist() == list(range(10))
    assert whole.images[:, 0, 0, 0].tolist() == list(range(10))


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (b"\xff", "wanted a tf.Example"),
        (b"", "wanted one image 'image' and one label 'label', got 0 and 0"),
        (encode_example(encoded(np.zeros((27, 28), np.uint8)), 1), "wanted 28 x 28 x 1 pixels, got 27 x 28 x 1"),
        (encode_example(encoded(np.zeros((28, 28), np.uint8)), 10), "label: wanted 0 to 9, got 10"),
        (encode_example(b"no image", 1), "neither a PNG nor a JPEG"),
    ],
)
def test_a_record_that_training_cannot_read_is_named(plane, digits, record, problem):
    plane.write("train", [*digits, record])
    with pytest.raises(BadData, match=f"digits.tfrecord record 10 \\(counted from 0\\): .*{problem}"):
        read_split(plane.ingest(), "train", SPEC)
