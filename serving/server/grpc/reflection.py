"""gRPC server reflection: tools such as grpcurl can list the services and write requests without `.proto` files."""

from __future__ import annotations

import grpc
from google.protobuf import any_pb2, wrappers_pb2
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection  # type: ignore[import-untyped]

from slipline.serving.wire import example_pb2, saved_model_pb2, serving_pb2, tensor_pb2

OUR_PACKAGE = ".slipline.wire."
# In the order in which they import one another; the packages are TensorFlow's.
_OUR_FILES = {
    tensor_pb2.DESCRIPTOR: "tensorflow",
    example_pb2.DESCRIPTOR: "tensorflow",
    saved_model_pb2.DESCRIPTOR: "tensorflow.serving",
    serving_pb2.DESCRIPTOR: "tensorflow.serving",
}
_OTHER_FILES = (any_pb2.DESCRIPTOR, wrappers_pb2.DESCRIPTOR, health_pb2.DESCRIPTOR)
SERVICES = (
    "tensorflow.serving.PredictionService",
    "tensorflow.serving.ModelService",
    "grpc.health.v1.Health",
    reflection.SERVICE_NAME,
)


def add_reflection(server: grpc.Server) -> None:
    """Lets `server` describe the services of a model server, under TensorFlow Serving's names."""
    pool = DescriptorPool()
    for file in _OTHER_FILES:
        pool.AddSerializedFile(file.serialized_pb)
    packages = {name: package for file, package in _OUR_FILES.items() for name in _types(file)}
    for file, package in _OUR_FILES.items():
        proto = FileDescriptorProto.FromString(file.serialized_pb)
        proto.package = package
        for message in proto.message_type:
            _rename(message, packages)
        for service in proto.service:
            for method in service.method:
                method.input_type = _official(method.input_type, packages)
                method.output_type = _official(method.output_type, packages)
        pool.Add(proto)
    reflection.enable_server_reflection(SERVICES, server, pool=pool)


def _types(file: FileDescriptor) -> list[str]:
    return [*file.message_types_by_name, *file.enum_types_by_name]


def _rename(message: DescriptorProto, packages: dict[str, str]) -> None:
    for field in message.field:
        if field.type_name:
            field.type_name = _official(field.type_name, packages)
    for nested in message.nested_type:
        _rename(nested, packages)


def _official(name: str, packages: dict[str, str]) -> str:
    if not name.startswith(OUR_PACKAGE):
        return name
    local = name.removeprefix(OUR_PACKAGE)
    return f".{packages[local.partition('.')[0]]}.{local}"
