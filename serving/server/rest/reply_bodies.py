"""The bodies of the answers to predict, classify and regress."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from slipline.serving.errors import BadRequest
from slipline.serving.server.rest.json_out import decimals, encoded, listed, rows, string, whole
from slipline.serving.wire import serving_pb2
from slipline.serving.wire.tensors import Array

BYTES_SUFFIX = "_bytes"  # strings of such an output are written in base64


def predicted(outputs: Mapping[str, Array], *, by_row: bool) -> bytes:
    """The answer to predict: `predictions`, a value or object for each row, or `outputs`, tensor by tensor.

    Raises:
      BadRequest: The outputs have no rows in common, or are nothing that JSON can express.
    """
    if not outputs:
        raise BadRequest("Cannot convert empty tensor map to JSON")
    if by_row:
        return _object("predictions", listed(_rows(outputs)))
    columns = {name: whole(array, as_base64=name.endswith(BYTES_SUFFIX)) for name, array in sorted(outputs.items())}
    if len(columns) == 1:
        return _object("outputs", *columns.values())
    return _object("outputs", _members(columns))


def classified(response: serving_pb2.ClassificationResponse) -> bytes:
    """The answer to classify: for each Example a list of pairs of label and score."""
    results = [
        listed(f"[{string(found.label.encode())}, {_decimal(found.score)}]" for found in example.classes)
        for example in response.result.classifications
    ]
    return _object("results", listed(results))


def regressed(response: serving_pb2.RegressionResponse) -> bytes:
    """The answer to regress: a number for each Example."""
    values = np.array([found.value for found in response.result.regressions], "float32")
    return _object("results", listed(decimals(values)))


def _rows(outputs: Mapping[str, Array]) -> list[str]:
    texts = {}
    batch = None
    for name, array in sorted(outputs.items()):
        if array.ndim == 0:
            raise BadRequest(f"Tensor name: {name} has no shape information; a row needs it, ask in columnar format")
        batch = len(array) if batch is None else batch
        if len(array) != batch:
            raise BadRequest(f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {batch}")
        texts[name] = rows(array, as_base64=name.endswith(BYTES_SUFFIX))
    if len(texts) == 1:
        return next(iter(texts.values()))
    return [_members(dict(zip(texts, row, strict=True))) for row in zip(*texts.values(), strict=True)]


def _members(values: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{json.dumps(name, ensure_ascii=False)}: {value}" for name, value in values.items()) + "}"


def _decimal(value: float) -> str:
    return decimals(np.array([value], "float32"))[0]


def _object(key: str, value: str) -> bytes:
    return encoded(f'{{\n    "{key}": {value}\n}}')
