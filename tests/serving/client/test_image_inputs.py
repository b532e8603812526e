from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image as Pillow

from slipline.serving.client.image_inputs import image_inputs, png_of
from slipline.serving.client.signature import Signature, TensorSpec
from slipline.serving.errors import BadRequest
from slipline.serving.wire.tensors import Array

FILES = Signature(
    name="f", method="", inputs={"encoded": TensorSpec(dtype=np.dtype(object), shape=(None,))}, outputs={}
)
PIXELS = Signature(name="p", method="", inputs={"i": TensorSpec(dtype=np.dtype("uint8"), shape=None)}, outputs={})
FLOATS = Signature(name="x", method="", inputs={"i": TensorSpec(dtype=np.dtype("float32"), shape=None)}, outputs={})

sizes = st.integers(1, 20)
pictures = st.one_of(st.tuples(sizes, sizes), st.tuples(sizes, sizes, st.sampled_from([1, 3, 4]))).flatmap(
    lambda shape: hnp.arrays("uint8", shape)
)


@given(pixels=pictures)
def test_pixels_become_a_png_without_loss(pixels: Array) -> None:
    with Pillow.open(io.BytesIO(png_of(pixels))) as opened:
        assert np.array_equal(np.asarray(opened).reshape(pixels.shape), pixels)


def test_image_may_be_bytes_a_path_or_pixels(tmp_path: Path) -> None:
    pixels = np.arange(4, dtype="uint8").reshape(2, 2)
    file = tmp_path / "a.png"
    file.write_bytes(png_of(pixels))
    (encoded,) = image_inputs([b"bytes", file, str(file), pixels], FILES).values()
    assert encoded.tolist() == [b"bytes", *[png_of(pixels)] * 3]
    (stacked,) = image_inputs([file, pixels], PIXELS).values()
    assert stacked.tolist() == [pixels.tolist()] * 2


@pytest.mark.parametrize(
    ("images", "signature", "words"),
    [
        ([], FILES, "at least one image"),
        (["/nix.png"], FILES, "/nix.png: wanted a PNG or JPEG file, but it cannot be read"),
        ([np.zeros((2, 2))], FILES, r"image 0: .* must be uint8 .*; got float64 \[2, 2\]"),
        ([np.zeros((2, 2, 7), "uint8")], FILES, r"got uint8 \[2, 2, 7\]"),
        ([b"no image"], PIXELS, "image 0 cannot be decoded"),
        ([np.zeros((2, 2), "uint8"), np.zeros((3, 2), "uint8")], PIXELS, r"of one size, got \(2, 2\), \(3, 2\)"),
        ([b"any"], FLOATS, "takes 'i' as float32 of any rank, which images alone do not tell how to make"),
    ],
)
def test_what_is_no_image_for_that_model_is_told(images: list[bytes], signature: Signature, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        image_inputs(images, signature)
