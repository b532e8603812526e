"""What a tool without `.proto` files learns from the server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from slipline.serving.client import PredictClient
from slipline.serving.server.process import Server

Start = Callable[..., Server]


def test_described_services_are_enough_to_call_them(start: Start, scalers: Path) -> None:
    server = start(model_name="scaler", model_base_path=str(scalers), enable_grpc_reflection=True)
    with grpc.insecure_channel(server.address) as channel:
        PredictClient(channel, "scaler").wait_until_available()
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        method = pool.FindServiceByName("tensorflow.serving.PredictionService").methods_by_name["Predict"]
        request = GetMessageClass(method.input_type)(model_spec={"name": "scaler"})
        request.inputs["x"].dtype = 1
        request.inputs["x"].float_val.append(2)
        request.inputs["x"].tensor_shape.dim.add(size=1)
        answer = channel.unary_unary(f"/{method.containing_service.full_name}/{method.name}")(
            request.SerializeToString()
        )
        response = GetMessageClass(method.output_type).FromString(answer)
    assert list(response.outputs["y"].float_val) == [40]


def test_described_messages_have_tensorflows_names(start: Start, scalers: Path) -> None:
    server = start(model_name="scaler", model_base_path=str(scalers), enable_grpc_reflection=True)
    with grpc.insecure_channel(server.address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        pool = DescriptorPool(database)
        assert "tensorflow.serving.ModelService" in database.get_services()
        for name in ("tensorflow.TensorProto", "tensorflow.Example", "tensorflow.serving.SignatureDefMap"):
            assert pool.FindMessageTypeByName(name).full_name == name


def test_nothing_is_described_unless_asked_for(start: Start, scalers: Path) -> None:
    server = start(model_name="scaler", model_base_path=str(scalers))
    with grpc.insecure_channel(server.address) as channel, pytest.raises(grpc.RpcError) as caught:
        ProtoReflectionDescriptorDatabase(channel).get_services()
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
