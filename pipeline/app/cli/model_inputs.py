"""What the commands that ask a model read from files or standard input: images, arrays, JSON."""

from __future__ import annotations

import binascii
import io
import json
import sys
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from slipline.pipeline.app.cli.client_options import AskedServer
from slipline.serving.client.image_inputs import Image
from slipline.serving.client.signature import Inputs
from slipline.serving.errors import BadRequest

STANDARD_INPUT = "-"
PNG, JPEG, NPY = b"\x89PNG", b"\xff\xd8\xff", b"\x93NUMPY"
IMAGE_CHANNELS = (1, 3, 4)


@dataclass(frozen=True, kw_only=True)
class ImageRequest:
    """Images to ask about together.

    Attributes:
      names: What to call each.
      images: Files or pixels.
    """

    names: tuple[str, ...]
    images: tuple[Image, ...]


@dataclass(frozen=True, kw_only=True)
class ArrayRequest:
    """Inputs for one request.

    Attributes:
      name: What to call them.
      inputs: As `PredictClient.predict` takes them.
      signature: The one they name, if they do.
    """

    name: str
    inputs: Inputs
    signature: str | None = None


Request = ImageRequest | ArrayRequest


def ask(client: Any, request: Request, asked: AskedServer, label: str | None) -> Any:
    """What a client answers to a request, or, if it is one to be awaited, will answer.

    Args:
      client: A `PredictClient` or an `AsyncPredictClient`.
      request: What to ask.
      asked: Which version and signature, as the options say.
      label: The version with this label.
    """
    if isinstance(request, ImageRequest):
        return client.predict_images(request.images, version=asked.version, label=label, signature=asked.signature)
    signature = asked.signature or request.signature or ""
    return client.predict(request.inputs, version=asked.version, label=label, signature=signature)


def read_requests(files: Sequence[str]) -> list[Request]:
    """The requests that files make; all images make one, every other file one of its own.

    Args:
      files: Paths, or `-` for standard input; standard input if there is none.

    Raises:
      BadRequest: A file cannot be read, or is neither PNG, JPEG, .npy nor JSON.
    """
    images: list[tuple[str, Image]] = []
    requests: list[Request] = []
    for file in files or [STANDARD_INPUT]:
        content, name = _read(file), "standard input" if file == STANDARD_INPUT else file
        if content.startswith((PNG, JPEG)):
            images.append((name, content))
        elif content.startswith(NPY):
            array = _array(name, content)
            if _is_image(array):
                images.append((name, array))
            else:
                requests.append(ArrayRequest(name=name, inputs=array))
        else:
            requests.append(_json(name, content))
    if images:
        names, contents = zip(*images, strict=True)
        requests.insert(0, ImageRequest(names=names, images=contents))
    return requests


def _read(file: str) -> bytes:
    if file == STANDARD_INPUT:
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise BadRequest(
            f"{file}: wanted a PNG, JPEG, .npy or JSON file, but it cannot be read ({error.strerror})"
        ) from error


def _array(name: str, content: bytes) -> np.ndarray[Any, np.dtype[Any]]:
    try:
        array: np.ndarray[Any, np.dtype[Any]] = np.load(io.BytesIO(content), allow_pickle=False)
    except ValueError as error:
        raise BadRequest(f"{name}: wanted an array as `numpy.save` writes it, without objects: {error}") from error
    return array


def _is_image(array: np.ndarray[Any, np.dtype[Any]]) -> bool:
    return array.dtype == np.uint8 and (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in IMAGE_CHANNELS))


def _json(name: str, content: bytes) -> ArrayRequest:
    try:
        body = json.loads(content, object_hook=partial(_with_bytes, name))
    except ValueError as error:
        raise BadRequest(f"{name}: wanted a PNG, JPEG, .npy or JSON file; it is none of these ({error})") from error
    signature = None
    if isinstance(body, Mapping) and ("instances" in body or "inputs" in body):
        # The body of a request to TensorFlow Serving's REST API.
        signature = body.get("signature_name")
        inputs = body["inputs"] if "inputs" in body else _columns(name, body["instances"])
    else:
        inputs = _columns(name, body) if isinstance(body, list) else body
    return ArrayRequest(name=name, inputs=inputs, signature=signature)


def _columns(name: str, rows: object) -> Inputs:
    """Rows of named values as one list for each name; other rows as they are."""
    if not isinstance(rows, list) or not rows:
        raise BadRequest(f"{name}: wanted `instances` as a list with at least one row, got {rows!r:.50}")
    if not isinstance(rows[0], Mapping):
        return rows
    wanted = rows[0].keys()
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping) or row.keys() != wanted:
            raise BadRequest(f"{name}: wanted {', '.join(wanted)} in each row, as in the first; row {number} differs")
    return {column: [row[column] for row in rows] for column in wanted}


def _with_bytes(name: str, value: dict[str, Any]) -> Any:
    """What a JSON object stands for: `{"b64": ...}` for bytes, any other for itself."""
    if value.keys() != {"b64"}:
        return value
    try:
        return b64decode(value["b64"], validate=True)
    except (TypeError, binascii.Error) as error:
        raise BadRequest(f"{name}: wanted base64 in {{'b64': ...}}: {error}") from error
