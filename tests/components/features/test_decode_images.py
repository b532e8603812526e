"""Images: whatever bytes come, an image is decoded as training would, or refused with the reason."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, UnidentifiedImageError

from slipline.components.features.decode_images import (
    JPEG_SIGNATURE,
    UndecodableImage,
    decode_image,
    decode_with_mode,
    stated_shape,
)
from slipline.components.features.png_rows import PNG_SIGNATURE


def encoded(pixels, kind="PNG", mode=None):
    file = io.BytesIO()
    Image.fromarray(pixels, mode).save(file, kind)
    return file.getvalue()


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


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_the_mode_is_that_of_the_file(mode):
    file = io.BytesIO()
    Image.new(mode, (4, 3)).save(file, "PNG")
    assert decode_with_mode(file.getvalue())[1] == mode


@given(st.data())
def test_the_stated_shape_is_what_a_reader_of_the_whole_head_finds(data):
    """The short way by the first chunk answers as Pillow does, or not at all, also if the head is damaged."""
    file = io.BytesIO()
    mode = data.draw(st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA"]))
    Image.new(mode, (data.draw(st.integers(1, 300)), data.draw(st.integers(1, 300)))).save(file, "PNG")
    image = bytearray(file.getvalue()[: data.draw(st.integers(0, 80))])
    if image and data.draw(st.booleans()):
        image[data.draw(st.integers(0, len(image) - 1))] = data.draw(st.integers(0, 255))
    try:
        with Image.open(io.BytesIO(image)) as opened:
            bands = len("RGB" if opened.mode == "P" else opened.getbands())
            wanted = opened.height, opened.width, bands
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        wanted = None
    try:
        assert stated_shape(bytes(image)) == wanted
    except UndecodableImage:
        assert wanted is None


def test_a_head_that_states_a_bomb_is_refused():
    """Pillow's limit holds however the head is read."""
    file = io.BytesIO()
    Image.new("L", (1, 1)).save(file, "PNG")
    head = struct.pack(">4sIIBBBBB", b"IHDR", 1 << 17, 1 << 17, 8, 0, 0, 0, 0)
    image = file.getvalue()[:12] + head + struct.pack(">I", zlib.crc32(head)) + file.getvalue()[33:]
    for read in (decode_image, stated_shape):
        with pytest.raises(UndecodableImage, match="decompression bomb"):
            read(image)
