"""Encoded images: what a PNG or JPEG file decodes to, or why it does not."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from slipline.components.features.png_rows import PNG_SIGNATURE, plain_head

T = TypeVar("T")
Pixels: TypeAlias = NDArray[np.uint8]

JPEG_SIGNATURE = b"\xff\xd8\xff"
# What TensorFlow decodes to the same number of channels; a palette image or a bitmap is first expanded.
CHANNEL_MODES = ("L", "LA", "RGB", "RGBA")  # one letter a channel
EXPANDED_MODES = {"1": "L", "P": "RGB"}
LARGE_PIXELS = 1 << 26  # below the size at which Pillow warns of a decompression bomb


class UndecodableImage(Exception):
    """The bytes are no image that training could read; the message says why."""


def looks_like_image(encoded: bytes) -> bool:
    """Whether the bytes begin as a PNG or JPEG file does."""
    return encoded.startswith((PNG_SIGNATURE, JPEG_SIGNATURE))


def decode_image(encoded: bytes) -> Pixels:
    """The pixels of a PNG or JPEG image, uint8 of shape [height, width, channels], not writable.

    Raises:
      UndecodableImage: The bytes are no such image, are damaged, or hold more than 8 bits a channel.
    """
    return decode_with_mode(encoded)[0]


def decode_with_mode(encoded: bytes) -> tuple[Pixels, str]:
    """As `decode_image`, and Pillow's name of the mode in which the image is encoded, such as `P` or `RGB`."""
    if encoded.startswith(PNG_SIGNATURE):
        _check_png_chunks(encoded)
    return _read_image(encoded, lambda image: (_pixels(image), image.mode))


def stated_shape(encoded: bytes) -> tuple[int, int, int]:
    """Height, width and channels as the head of a PNG or JPEG image states them; its pixels are not read.

    Raises:
      UndecodableImage: The bytes are no such image, its head is damaged, or it holds more than 8 bits a channel.
    """
    head = plain_head(encoded)
    if head is not None and head.height * head.width < LARGE_PIXELS:
        return head.shape
    return _read_image(encoded, lambda image: (image.height, image.width, len(_channel_mode(image))))


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape for people, such as `28 x 28 x 1`."""
    return " x ".join(map(str, shape))


def scaled(pixels: Pixels) -> NDArray[np.float32]:
    """The pixels in 0..1, as the exported graph has them (`slipline.components.training.preprocessing.scale`)."""
    return pixels.astype(np.float32) / np.float32(255)


def _read_image(encoded: bytes, read: Callable[[Image.Image], T]) -> T:
    if not looks_like_image(encoded):
        raise UndecodableImage("neither a PNG nor a JPEG file")
    try:
        return read(Image.open(io.BytesIO(encoded), formats=("PNG", "JPEG")))
    except UnidentifiedImageError:  # its message holds the address of our buffer
        raise UndecodableImage("damaged head of the image") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UndecodableImage(str(error)) from error


def _pixels(image: Image.Image) -> Pixels:
    mode = _channel_mode(image)
    pixels = (image if mode == image.mode else image.convert(mode)).tobytes()
    return np.frombuffer(pixels, np.uint8).reshape(image.height, image.width, -1)


def _channel_mode(image: Image.Image) -> str:
    mode = EXPANDED_MODES.get(image.mode, image.mode)
    if mode not in CHANNEL_MODES:
        raise UndecodableImage(f"pixels of mode {mode}, wanted grey or RGB of 8 bits a channel")
    return mode


def _check_png_chunks(encoded: bytes) -> None:
    # Pillow does not look at the checksum of the pixel data; TensorFlow does, and would stop the training.
    view = memoryview(encoded)
    position = len(PNG_SIGNATURE)
    kind = b""
    while position + 12 <= len(encoded) and kind != b"IEND":
        kind = encoded[position + 4 : position + 8]
        end = position + 8 + int.from_bytes(view[position : position + 4], "big")
        if zlib.crc32(view[position + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            raise UndecodableImage(f"the PNG chunk at byte {position} does not match its checksum")
        position = end + 4
