"""A SavedModel without variables, written as bytes: it takes no TensorFlow and no time to make."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from slipline.serving.wire import graph_pb2, saved_model_pb2, tensor_pb2

FLOAT = tensor_pb2.DT_FLOAT
GRAPH_FIELD = 2  # of MetaGraphDef, which our own message of that name leaves out
META_GRAPHS_FIELD = 2  # of SavedModel


def save_constant_model(folder: Path, factor: float) -> Path:
    """Saves `y = factor * x` for float32 of any length, with the signature `serving_default`; returns `folder`."""
    return save_graph(folder, _graph(factor), {"x": (-1,)}, {"y": (-1,)})


Shapes = Mapping[str, tuple[int, ...]]


def save_graph(folder: Path, graph: graph_pb2.GraphDef, inputs: Shapes, outputs: Shapes) -> Path:
    """Saves a graph of float32 whose nodes bear the names of the inputs and outputs of `serving_default`."""
    meta_graph = saved_model_pb2.MetaGraphDef()
    meta_graph.meta_info_def.tags.append("serve")
    signature = meta_graph.signature_def["serving_default"]
    signature.method_name = "tensorflow/serving/predict"
    for infos, shapes in ((signature.inputs, inputs), (signature.outputs, outputs)):
        for name, shape in shapes.items():
            infos[name].name = f"{name}:0"
            infos[name].dtype = FLOAT
            for size in shape:
                infos[name].tensor_shape.dim.add(size=size)
    packed = meta_graph.SerializeToString() + _field(GRAPH_FIELD, graph.SerializeToString())
    head = saved_model_pb2.SavedModel(saved_model_schema_version=1).SerializeToString()
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(head + _field(META_GRAPHS_FIELD, packed))
    return folder


def _graph(factor: float) -> graph_pb2.GraphDef:
    graph = graph_pb2.GraphDef()
    graph.versions.producer = 1800
    x = graph.node.add(name="x", op="Placeholder")
    x.attr["dtype"].type = FLOAT
    x.attr["shape"].shape.dim.add(size=-1)
    constant = graph.node.add(name="factor", op="Const")
    constant.attr["dtype"].type = FLOAT
    constant.attr["value"].tensor.dtype = FLOAT
    constant.attr["value"].tensor.tensor_shape.SetInParent()
    constant.attr["value"].tensor.float_val.append(factor)
    y = graph.node.add(name="y", op="Mul", input=["x", "factor"])
    y.attr["T"].type = FLOAT
    return graph


def _field(number: int, content: bytes) -> bytes:
    """One length-delimited field of a message."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    head, rest = value & 0x7F, value >> 7
    return bytes([head | 0x80]) + _varint(rest) if rest else bytes([head])
