"""The signatures of a TFLite model: those written in its metadata, else the runtime's own, else an invented one.

TensorFlow Serving's tools write SignatureDefs into the metadata entry `signature_defs_metadata`; TensorFlow 2's
converter writes signatures of TFLite's own kind, each of them a graph of its own; older converters write neither.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError

from slipline.serving.errors import LoadFailed
from slipline.serving.models.loaded_model import DEFAULT_SIGNATURE, PREDICT_METHOD, Signatures
from slipline.serving.models.tflite.tflite_flatbuffer import metadata
from slipline.serving.wire import saved_model_pb2, tensor_pb2
from slipline.serving.wire.tensors import DATA_TYPES

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-untyped]

METADATA_NAME = "signature_defs_metadata"


@dataclass(frozen=True, kw_only=True)
class Port:
    """An input or output of a graph.

    Attributes:
      key: What the graph's runner calls it.
      data_type: Its `DataType`.
      shape: One entry a dimension, None where any size will do.
    """

    key: str
    data_type: tensor_pb2.DataType
    shape: tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """A graph that runs on its own.

    Attributes:
      signature: TFLite's name for it; None for the main graph of a model without signatures of TFLite's own.
      inputs: By the names of tensors that the SignatureDefs have.
      outputs: Likewise.
    """

    signature: str | None
    inputs: Mapping[str, Port]
    outputs: Mapping[str, Port]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What a TFLite model can run, and under which names.

    Attributes:
      signatures: By name. No two graphs use the same name for an input, nor for an output.
      graphs: What the signatures run.
    """

    signatures: Signatures
    graphs: tuple[Graph, ...]


def read_layout(content: bytes, interpreter: Interpreter) -> Layout:
    """The layout of a model; one signature alone can be called `serving_default`, too.

    Args:
      content: The flatbuffer.
      interpreter: Made of it.

    Raises:
      LoadFailed: The signatures in the metadata are corrupt, or name tensors that the model does not have.
    """
    in_metadata = signatures_in_metadata(content)
    if not in_metadata and interpreter.get_signature_list():
        layout = _own_layout(interpreter)
    else:
        graph = _main_graph(interpreter)
        signatures = {name: _bound(name, found, graph) for name, found in in_metadata.items()}
        layout = Layout(signatures=signatures or {DEFAULT_SIGNATURE: _invented(graph)}, graphs=(graph,))
    if len(layout.signatures) == 1 and DEFAULT_SIGNATURE not in layout.signatures:
        only = next(iter(layout.signatures.values()))
        return Layout(signatures={**layout.signatures, DEFAULT_SIGNATURE: only}, graphs=layout.graphs)
    return layout


def signatures_in_metadata(content: bytes) -> Signatures:
    """The SignatureDefs in the metadata of a flatbuffer, by name; none if it has no such entry.

    Raises:
      LoadFailed: They cannot be read.
    """
    from flatbuffers import flexbuffers  # type: ignore[import-untyped]

    packed = metadata(content, METADATA_NAME)
    if not packed:
        return {}
    try:
        written = flexbuffers.GetRoot(packed).AsMap
        pairs = zip(written.Keys, written.Values, strict=True)
        return {key.AsKey: saved_model_pb2.SignatureDef.FromString(bytes(value.AsStringBytes)) for key, value in pairs}
    except (DecodeError, LookupError, OverflowError, RecursionError, TypeError, ValueError, struct.error) as error:
        raise LoadFailed(
            f"the metadata entry {METADATA_NAME} is no map of SignatureDefs ({error}); convert the model again"
        ) from error


def _own_layout(interpreter: Interpreter) -> Layout:
    signatures, graphs = {}, []
    taken: tuple[set[str], set[str]] = (set(), set())
    for signature in interpreter.get_signature_list():
        runner = interpreter.get_signature_runner(signature)
        inputs = _named(signature, runner.get_input_details(), taken[0])
        outputs = _named(signature, runner.get_output_details(), taken[1])
        graphs.append(Graph(signature=signature, inputs=inputs, outputs=outputs))
        signatures[signature] = _signature(
            {port.key: name for name, port in inputs.items()}, {port.key: name for name, port in outputs.items()}
        )
        _describe(signatures[signature], graphs[-1])
    return Layout(signatures=signatures, graphs=tuple(graphs))


def _named(signature: str, details: Mapping[str, Mapping[str, Any]], taken: set[str]) -> dict[str, Port]:
    """Ports by their tensors' names; those that another graph uses, or this one twice, get the signature's in front."""
    ports = {}
    for alias, detail in sorted(details.items()):
        name = detail["name"]
        if not name or name in taken:
            name = f"{signature}/{alias}"
        taken.add(name)
        ports[name] = _port(alias, detail)
    return ports


def _main_graph(interpreter: Interpreter) -> Graph:
    inputs, outputs = (
        {detail["name"]: _port(detail["name"], detail) for detail in details}
        for details in (interpreter.get_input_details(), interpreter.get_output_details())
    )
    return Graph(signature=None, inputs=inputs, outputs=outputs)


def _port(key: str, detail: Mapping[str, Any]) -> Port:
    kind = detail["dtype"].__name__
    data_type = DATA_TYPES.get("object" if kind == "bytes_" else kind)
    if data_type is None:
        raise LoadFailed(
            f"tensor {detail['name']} is of type {kind}, which requests cannot carry; convert it to another"
        )
    shape = detail["shape_signature"] if len(detail["shape_signature"]) else detail["shape"]
    return Port(key=key, data_type=data_type, shape=tuple(None if size < 0 else int(size) for size in shape))


def _invented(graph: Graph) -> saved_model_pb2.SignatureDef:
    signature = _signature({name: name for name in graph.inputs}, {name: name for name in graph.outputs})
    _describe(signature, graph)
    return signature


def _bound(name: str, written: saved_model_pb2.SignatureDef, graph: Graph) -> saved_model_pb2.SignatureDef:
    """The signature with the names, dtypes and shapes of the model's own tensors.

    TensorFlow's tensor names end in `:0`, those of TFLite may not.
    """
    bound = saved_model_pb2.SignatureDef()
    bound.CopyFrom(written)
    for infos, ports in ((bound.inputs, graph.inputs), (bound.outputs, graph.outputs)):
        for alias, info in infos.items():
            tensor = next((known for known in (info.name, info.name.partition(":")[0]) if known in ports), None)
            if tensor is None:
                raise LoadFailed(
                    f"signature {name}: {alias} is tensor {info.name}, the model has {', '.join(sorted(ports))}; "
                    "write signatures that fit the model"
                )
            info.name = tensor
    unfed = graph.inputs.keys() - {info.name for info in bound.inputs.values()}
    if unfed:
        raise LoadFailed(f"signature {name} gives no name to the model's inputs {', '.join(sorted(unfed))}")
    _describe(bound, graph)
    return bound


def _signature(inputs: Mapping[str, str], outputs: Mapping[str, str]) -> saved_model_pb2.SignatureDef:
    return saved_model_pb2.SignatureDef(
        inputs={alias: saved_model_pb2.TensorInfo(name=name) for alias, name in inputs.items()},
        outputs={alias: saved_model_pb2.TensorInfo(name=name) for alias, name in outputs.items()},
        method_name=PREDICT_METHOD,
    )


def _describe(signature: saved_model_pb2.SignatureDef, graph: Graph) -> None:
    """Says in `signature` of which dtype and shape the tensors are."""
    for infos, ports in ((signature.inputs, graph.inputs), (signature.outputs, graph.outputs)):
        for info in infos.values():
            port = ports[info.name]
            info.dtype = port.data_type
            sizes = [tensor_pb2.TensorShapeProto.Dim(size=-1 if size is None else size) for size in port.shape]
            info.tensor_shape.CopyFrom(tensor_pb2.TensorShapeProto(dim=sizes))
