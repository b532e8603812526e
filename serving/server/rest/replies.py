"""The bodies of all answers: predictions, errors, states, signatures, the list of models, and the config in force."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import grpc
import numpy as np
from google.protobuf.json_format import MessageToDict

from slipline.serving.errors import BadRequest
from slipline.serving.server.rest.json_out import decimals, encoded, listed, rows, string, whole
from slipline.serving.server.versions.model_state import Model, status_of
from slipline.serving.server.versions.sources import config_of
from slipline.serving.wire import saved_model_pb2, serving_pb2
from slipline.serving.wire.tensors import Array

BYTES_SUFFIX = "_bytes"  # strings of such an output are written in base64

_NAME_OF_CODE = {status.value[0]: status.name for status in grpc.StatusCode}


def error(text: str) -> bytes:
    """The body of every refusal; a surrogate that stands for no character stays escaped."""
    return json.dumps({"error": text}, indent=4, ensure_ascii=False).encode("utf-8", "backslashreplace")


def states(versions: Sequence[serving_pb2.ModelVersionStatus]) -> bytes:
    """The answer to status."""
    return _written({"model_version_status": [_state(version) for version in versions]})


def metadata(response: serving_pb2.GetModelMetadataResponse) -> bytes:
    """The answer to metadata: all signatures in protobuf's JSON, fields that are empty included."""
    signatures = saved_model_pb2.SignatureDefMap.FromString(response.metadata["signature_def"].value)
    spec = response.model_spec
    return _written({
        "model_spec": {
            "name": spec.name,
            "signature_name": spec.signature_name,
            "version": str(spec.version.value),
        },
        "metadata": {
            "signature_def": MessageToDict(
                signatures, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
            )
        },
    })  # fmt: skip


def models(views: Sequence[Model]) -> bytes:
    """All models of the config, with their labels, their versions, those that are wanted and not up, and history."""
    return _written({
        "models": [
            {
                "name": view.name,
                "ready": view.is_ready,
                "complaint": f"base path {view.source.base_path} {view.complaint}" if view.complaint else "",
                "version_labels": {label: str(number) for label, number in sorted(view.labels.items())},
                "versions_missing": [str(number) for number in sorted(view.missing, reverse=True)],
                "model_version_status": [_state(status_of(version)) for version in view.current],
                "history": [_state(status_of(version)) for version in view.history],
            }
            for view in views
            if view.source is not None
        ]
    })  # fmt: skip


def config(views: Sequence[Model]) -> bytes:
    """The config in force, as a ModelServerConfig in protobuf's JSON."""
    sources = {view.name: view.source for view in views if view.source is not None}
    return _written(MessageToDict(config_of(sources), preserving_proto_field_name=True))


def readiness(views: Sequence[Model]) -> bytes:
    """Whether every model of the config has a version up, and which have none, and why."""
    missing = {view.name: _reason(view) for view in views if view.source is not None and not view.is_ready}
    return _written({"ready": not missing, "missing": missing})


def is_ready(views: Sequence[Model]) -> bool:
    """Whether every model of the config has a version up."""
    return all(view.is_ready for view in views if view.source is not None)


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


def _reason(view: Model) -> str:
    base_path = view.source.base_path if view.source else ""
    if not view.current:
        return f"no version was found in {base_path}" + (f": it {view.complaint}" if view.complaint else "")
    newest = view.current[0]
    state = serving_pb2.ModelVersionStatus.State.Name(newest.state)
    because = f": {newest.message}" if newest.message else ""
    return f"version {newest.number} is in state {state}{because}"


def _state(version: serving_pb2.ModelVersionStatus) -> Mapping[str, object]:
    return {
        "version": str(version.version),
        "state": serving_pb2.ModelVersionStatus.State.Name(version.state),
        "status": {
            "error_code": _NAME_OF_CODE.get(version.status.error_code, "UNKNOWN"),
            "error_message": version.status.error_message,
        },
    }


def _written(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, indent=4, ensure_ascii=False).encode("utf-8", "backslashreplace")


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
