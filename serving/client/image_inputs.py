"""Images as a model takes them: the bytes of image files, or arrays of pixels."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np

from slipline.serving.client.signature import Signature
from slipline.serving.errors import BadRequest
from slipline.serving.wire.tensors import Array

IMAGES_SIGNATURE = "serving_images"
DEFAULT_SIGNATURE = "serving_default"

Image = bytes | str | PathLike[str] | Array
"""The bytes of a PNG or JPEG file, its path, or its pixels, uint8 [height, width] or [height, width, channels]."""

_PNG_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}  # by channels: grey, grey and alpha, RGB, RGBA


def image_inputs(images: Sequence[Image], signature: Signature) -> dict[str, Array]:
    """The inputs of a request for those images.

    A model that takes strings gets files, into which pixels are encoded without loss; one that takes uint8 gets pixels.

    Args:
      images: At least one.
      signature: With one input, a batch of strings or of uint8 images.

    Raises:
      BadRequest: The signature takes something else, or an image is none.
    """
    if not images:
        raise BadRequest("at least one image is wanted, got none")
    inputs = list(signature.inputs.items())
    dtype = inputs[0][1].dtype if len(inputs) == 1 else None
    if dtype is not None and dtype.hasobject:
        files = np.empty(len(images), object)
        files[:] = [_file(image, number) for number, image in enumerate(images)]
        return {inputs[0][0]: files}
    if dtype == np.uint8:
        return {inputs[0][0]: _stacked([_pixels(image, number) for number, image in enumerate(images)])}
    wanted = ", ".join(f"{name!r} as {spec}" for name, spec in inputs)
    raise BadRequest(
        f"signature {signature.name!r} takes {wanted}, which images alone do not tell how to make; name a signature "
        f"that takes image files or uint8 pixels, such as {IMAGES_SIGNATURE!r}, or send arrays with `predict`"
    )


def png_of(pixels: Array) -> bytes:
    """A PNG file of those pixels.

    Args:
      pixels: uint8 [height, width] or [height, width, 1 to 4].

    Raises:
      BadRequest: The array is no image.

    Source of the format: W3C, Portable Network Graphics (PNG) Specification.
    """
    planes = pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
    if pixels.dtype != np.uint8 or planes.ndim != 3 or planes.shape[2] not in _PNG_COLOURS or not planes.size:
        raise BadRequest(
            "an image's pixels must be uint8 [height, width] or [height, width, 1 to 4], not empty; got "
            f"{pixels.dtype} {list(pixels.shape)}"
        )
    height, width, channels = planes.shape
    head = struct.pack(">IIBBBBB", width, height, 8, _PNG_COLOURS[channels], 0, 0, 0)
    # Each row begins with the number of its filter: none.
    rows = np.zeros((height, 1 + width * channels), np.uint8)
    rows[:, 1:] = planes.reshape(height, -1)
    body = zlib.compress(rows.tobytes(), 1)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _file(image: Image, number: int) -> bytes:
    if isinstance(image, bytes):
        return image
    if isinstance(image, np.ndarray):
        try:
            return png_of(image)
        except BadRequest as error:
            raise BadRequest(f"image {number}: {error}") from error
    try:
        return Path(image).read_bytes()
    except OSError as error:
        raise BadRequest(f"{image}: wanted a PNG or JPEG file, but it cannot be read ({error.strerror})") from error


def _pixels(image: Image, number: int) -> Array:
    if isinstance(image, np.ndarray):
        return image
    try:
        from PIL import Image as Pillow
    except ImportError as error:
        raise BadRequest("this model takes pixels; install Pillow to send image files, or send arrays") from error
    try:
        with Pillow.open(io.BytesIO(_file(image, number))) as opened:
            return np.asarray(opened)
    except OSError as error:
        raise BadRequest(f"image {number} cannot be decoded: {error}") from error


def _stacked(pixels: Sequence[Array]) -> Array:
    shapes = sorted({each.shape for each in pixels})
    if len(shapes) > 1:
        raise BadRequest(f"the images of one request must be of one size, got {', '.join(map(str, shapes))}")
    return np.stack(pixels)
