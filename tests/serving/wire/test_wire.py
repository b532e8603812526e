"""Our messages against the official ones of `tensorflow` and `tensorflow-serving-api`."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor

from slipline.serving.wire import example_pb2, graph_pb2, saved_model_pb2, serving_pb2, session_pb2, tensor_pb2

# Fields that are messages in truth, and are never read.
OPAQUE = {"session_run_log", "predict_streamed_log"}
OURS = (tensor_pb2, example_pb2, saved_model_pb2, session_pb2, graph_pb2, serving_pb2)
CORE = "example.example example.feature framework.attr_value framework.function framework.graph framework.node_def"
MORE = "framework.op_def framework.tensor framework.tensor_shape framework.versions protobuf.config protobuf.meta_graph"
APIS = "classification get_model_metadata get_model_status inference input model model_management predict"
OFFICIAL = [
    *(f"tensorflow.core.{name}" for name in f"{CORE} {MORE} protobuf.saved_model".split()),
    *(f"tensorflow_serving.apis.{name}" for name in f"{APIS} prediction_log regression status".split()),
    *(f"tensorflow_serving.config.{name}" for name in ("file_system_storage_path_source", "model_server_config")),
]


def messages(module: ModuleType) -> list[Descriptor]:
    return list(module.DESCRIPTOR.message_types_by_name.values())


@pytest.fixture(scope="module")
def official(tf: ModuleType) -> dict[str, Descriptor]:
    """The official messages by name without package."""
    found = {message.name: message for name in OFFICIAL for message in messages(import_module(f"{name}_pb2"))}
    source = found["FileSystemStoragePathSourceConfig"]
    return {**found, **{message.name: message for message in source.nested_types}}


def fields(message: Descriptor) -> dict[int, tuple[str, Any, bool, str | None]]:
    """Name, type, repetition and oneof of each field, by number."""
    return {
        field.number: (
            field.name,
            field.TYPE_INT32 if field.type == field.TYPE_ENUM else field.type,  # alike on the wire
            field.is_repeated,
            field.containing_oneof.name if field.containing_oneof else None,
        )
        for field in message.fields
        if field.name not in OPAQUE
    }


@pytest.mark.parametrize("ours", [m for module in OURS for m in messages(module)], ids=lambda message: message.name)
def test_each_field_is_the_official_one_of_its_number(ours: Descriptor, official: dict[str, Descriptor]) -> None:
    theirs = fields(official[ours.name])
    assert {number: theirs.get(number) for number in fields(ours)} == fields(ours)


def test_calls_are_the_official_ones(tf: ModuleType) -> None:
    from tensorflow_serving.apis import model_service_pb2, prediction_service_pb2

    for module, name in ((prediction_service_pb2, "PredictionService"), (model_service_pb2, "ModelService")):
        ours, theirs = (m.DESCRIPTOR.services_by_name[name].methods for m in (serving_pb2, module))
        assert sorted((call.name, call.input_type.name, call.output_type.name) for call in ours) == sorted(
            (call.name, call.input_type.name, call.output_type.name) for call in theirs
        )
