"""The tensors of a predict request: `instances`, row by row, or `inputs`, tensor by tensor."""

from __future__ import annotations

import math
from collections.abc import Mapping

from slipline.serving.errors import BadRequest, ServingError
from slipline.serving.server.rest.dense import dense, is_base64
from slipline.serving.server.rest.json_text import JsonObject, quoted, type_name
from slipline.serving.wire import saved_model_pb2
from slipline.serving.wire.grpc_errors import code_of
from slipline.serving.wire.tensors import Array

ROWS, COLUMNS = "instances", "inputs"

Infos = Mapping[str, saved_model_pb2.TensorInfo]


def is_by_row(body: JsonObject) -> bool:
    """Whether the request, and so its answer, goes row by row.

    Raises:
      BadRequest: It has neither form, or both.
    """
    if (ROWS in body) == (COLUMNS in body):
        if ROWS in body:
            raise BadRequest(f"Not formatted correctly expecting only one of '{COLUMNS}' or '{ROWS}' keys to exist")
        raise BadRequest(f"Missing '{COLUMNS}' or '{ROWS}' key")
    return ROWS in body


def read_tensors(body: JsonObject, infos: Infos) -> dict[str, Array]:
    """The tensors by input name, each of the dtype that the model's signature says.

    Args:
      body: The request's JSON object.
      infos: The signature's inputs.

    Raises:
      BadRequest: They do not fit the signature.
      Unsupported: JSON cannot express an input's dtype.
    """
    if is_by_row(body):
        return _read_rows(body[ROWS], infos)
    return _read_columns(body[COLUMNS], infos)


def signature_name(body: JsonObject) -> str:
    """The signature that the request names, empty if it names none.

    Raises:
      BadRequest: Its name is no string.
    """
    name = body.get("signature_name", "")
    if not isinstance(name, str):
        raise BadRequest(f"'signature_name' key must be a string value. Got: {quoted(name)}")
    return name.encode("utf-8", "replace").decode()


def _read_rows(rows: object, infos: Infos) -> dict[str, Array]:
    if not isinstance(rows, list):
        raise BadRequest(f"Expecting '{ROWS}' value to be a list/array, got {type_name(rows)}")
    if not rows:
        raise BadRequest(f"No values for '{ROWS}' list; send at least one row")
    if len(infos) == 1 and not _is_object(rows[0]):
        ((_, info),) = infos.items()
        return {name: _stacked(rows, info.dtype, "") for name in infos}
    for index, row in enumerate(rows):
        if not isinstance(row, dict) or row.keys() != infos.keys():
            raise _wrong_keys(index, row, infos)
    return {name: _stacked([row[name] for row in rows], info.dtype, name) for name, info in infos.items()}


def _wrong_keys(index: int, row: object, infos: Infos) -> BadRequest:
    if not isinstance(row, dict):
        reason = f"Expecting object but got {type_name(row)}: {quoted(row)}"
    else:
        reason = f"JSON object: {quoted(row)} keys must be equal to: {','.join(sorted(infos))}"
    return BadRequest(f"Failed to process element: {index} of '{ROWS}' list. Error: INVALID_ARGUMENT: {reason}")


def _stacked(values: list[object], data_type: int, key: str) -> Array:
    """One tensor of all rows' values; only a failure looks at the rows one by one."""
    try:
        return dense(values, data_type)
    except ServingError as error:
        shape = None
        for index, value in enumerate(values):
            try:
                found = dense(value, data_type)
                shape = found.shape if shape is None else shape
                _check_shape(found, shape)
            except ServingError as reason:
                place = f"{index} key: {key}" if key else f"{index}"
                text = f"Error: {code_of(reason).name}: {reason}"
                raise BadRequest(f"Failed to process element: {place} of '{ROWS}' list. {text}") from error
        raise


def _check_shape(found: Array, wanted: tuple[int, ...]) -> None:
    size = math.prod(wanted)
    if found.size != size:
        raise BadRequest(f"Expecting tensor size: {size} but got: {found.size}")
    if found.shape != wanted:
        raise BadRequest(f"Expecting shape {_text(wanted)} but got: {_text(found.shape)}")


def _text(shape: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, shape))}]"


def _read_columns(columns: object, infos: Infos) -> dict[str, Array]:
    if len(infos) == 1 and not _is_object(columns):
        ((name, info),) = infos.items()
        return {name: dense(columns, info.dtype)}
    if not isinstance(columns, dict):
        raise BadRequest(
            f"'{COLUMNS}' must be an object with the keys: {','.join(sorted(infos))}, as the model has {len(infos)} "
            f"inputs; got {type_name(columns)}"
        )
    for name in sorted(infos):
        if name not in columns:
            raise BadRequest(f"Missing named input: {name} in '{COLUMNS}' object.")
    return {name: dense(columns[name], info.dtype) for name, info in infos.items()}


def _is_object(value: object) -> bool:
    return isinstance(value, dict) and not is_base64(value)
