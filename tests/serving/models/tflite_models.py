"""Small TFLite models made without TensorFlow: graphs that add two inputs, or give back what they take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from flatbuffers import Builder, flexbuffers  # type: ignore[import-untyped]

from slipline.serving.folders.version_folder import manifest_of

FLOAT, STRING = 0, 5  # of TFLite's TensorType
ADD, RNN, CUSTOM = 0, 24, 32  # of its BuiltinOperator


@dataclass(frozen=True, kw_only=True)
class GraphSpec:
    """One graph.

    Attributes:
      operation: `ADD`, `CUSTOM`, or None to give back the first input.
      inputs: Names of its input tensors.
      output: Name of its output tensor; ignored without an operation.
      row: The shape of one row.
      kind: Of all tensors.
      signature: A signature of TFLite's own for it, if any; its inputs are called `a`, `b`, its output `sum`.
    """

    operation: int | None = ADD
    inputs: Sequence[str] = ("left", "right")
    output: str = "added"
    row: Sequence[int] = (2,)
    kind: int = FLOAT
    signature: str | None = None


def tflite_bytes(*graphs: GraphSpec, metadata: Mapping[str, bytes] | None = None, listed: Sequence[str] = ()) -> bytes:
    """A model of these graphs.

    Args:
      graphs: What it computes.
      metadata: Serialized SignatureDefs by name, short ones.
      listed: Names of operations of TFLite that it lists, and that none of its graphs has.
    """
    from ai_edge_litert import schema_py_generated as schema  # type: ignore[import-untyped]

    model = schema.ModelT()
    model.version, model.description = 3, "a test's"
    operations = [spec.operation for spec in graphs] + [getattr(schema.BuiltinOperator, name) for name in listed]
    codes = list(dict.fromkeys(number for number in operations if number is not None))
    model.operatorCodes = [_operator_code(schema, number) for number in codes]
    model.buffers = [schema.BufferT()]
    model.subgraphs = [_graph(schema, spec, codes) for spec in graphs]
    model.signatureDefs = [_own_signature(schema, spec, at) for at, spec in enumerate(graphs) if spec.signature]
    if metadata is not None:
        entry, buffer = schema.MetadataT(), schema.BufferT()
        entry.name, entry.buffer = "signature_defs_metadata", len(model.buffers)
        buffer.data = list(flexbuffers.Dumps({name: value.decode("ascii") for name, value in metadata.items()}))
        model.buffers.append(buffer)
        model.metadata = [entry]
    return _packed(model)


def counting_bytes(*signatures: str) -> bytes:
    """A model with state: `total` of all the `x` since it was last reset; a graph of its own for each signature."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT()
    model.version, model.description = 3, "a test's"
    model.buffers = [schema.BufferT() for _ in range(3)]
    model.buffers[1].data, model.buffers[2].data = (list(np.float32(each).tobytes()) for each in (1, 0))
    model.operatorCodes = [_operator_code(schema, RNN)]
    model.subgraphs = [_counting_graph(schema) for _ in signatures or "_"]
    model.signatureDefs = []
    for at, name in enumerate(signatures):
        signature = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = name, at
        signature.inputs, signature.outputs = [_named(schema, "x", 0)], [_named(schema, "total", 5)]
        model.signatureDefs.append(signature)
    return _packed(model)


def save(folder: Path, content: bytes, *, published: bool = True) -> Path:
    """Makes `folder` a version with that model; one that is published has a manifest, and is trusted for it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.tflite").write_bytes(content)
    if published:
        (folder / "manifest.json").write_text(manifest_of(folder).canonical)
    return folder


def _packed(model: Any) -> bytes:
    builder = Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _operator_code(schema: Any, number: int) -> Any:
    code = schema.OperatorCodeT()
    code.deprecatedBuiltinCode, code.builtinCode = min(number, 127), number
    code.version = 1
    if number == CUSTOM:
        code.customCode = "NoSuchOperation"
    return code


def _graph(schema: Any, spec: GraphSpec, codes: Sequence[int]) -> Any:
    graph = schema.SubGraphT()
    names = [*spec.inputs, *([spec.output] if spec.operation is not None else [])]
    graph.tensors = [_tensor(schema, name, spec) for name in names]
    graph.inputs = list(range(len(spec.inputs)))
    graph.outputs = [len(names) - 1 if spec.operation is not None else 0]
    graph.operators = []
    if spec.operation is not None:
        operator = schema.OperatorT()
        operator.opcodeIndex = codes.index(spec.operation)
        operator.inputs, operator.outputs = graph.inputs, graph.outputs
        if spec.operation == ADD:
            operator.builtinOptionsType = schema.BuiltinOptions.AddOptions
            operator.builtinOptions = schema.AddOptionsT()
        graph.operators.append(operator)
    return graph


def _counting_graph(schema: Any) -> Any:
    graph, operator = schema.SubGraphT(), schema.OperatorT()
    names = ("x", "weight", "recurrent weight", "bias", "state", "total")
    graph.tensors = [_tensor(schema, name, GraphSpec(row=(1,))) for name in names]
    for tensor in graph.tensors:
        tensor.shapeSignature = tensor.shape
    _, weight, recurrent, bias, state, _ = graph.tensors
    weight.buffer, recurrent.buffer, bias.buffer = 1, 1, 2
    bias.shape, bias.shapeSignature, state.isVariable = [1], [1], True
    graph.inputs, graph.outputs, graph.operators = [0], [5], [operator]
    operator.inputs, operator.outputs = [0, 1, 2, 3, 4], [5]
    operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.RNNOptions, schema.RNNOptionsT()
    return graph


def _tensor(schema: Any, name: str, spec: GraphSpec) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.type, tensor.buffer = name, spec.kind, 0
    tensor.shape, tensor.shapeSignature, tensor.hasRank = [1, *spec.row], [-1, *spec.row], True
    return tensor


def _own_signature(schema: Any, spec: GraphSpec, index: int) -> Any:
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = spec.signature, index
    signature.inputs = [_named(schema, "ab"[at], at) for at in range(len(spec.inputs))]
    last = len(spec.inputs) if spec.operation is not None else 0
    signature.outputs = [_named(schema, "sum", last)]
    return signature


def _named(schema: Any, name: str, index: int) -> Any:
    named = schema.TensorMapT()
    named.name, named.tensorIndex = name, index
    return named
