"""Models of pictures that take no TensorFlow and no time to make; they answer the mean of each picture's pixels."""

from __future__ import annotations

import json
from pathlib import Path

from slipline.serving.wire import graph_pb2, tensor_pb2
from tests.constant_model import FLOAT, save_graph

MNIST = (28, 28, 1)


def save_picture_model(folder: Path, shape: tuple[int, ...] = MNIST, classes: int = 10) -> Path:
    """Saves a model from float32 images of that shape to `classes` probabilities, each the mean; returns `folder`."""
    graph = graph_pb2.GraphDef()
    graph.versions.producer = 1800
    images = graph.node.add(name="images", op="Placeholder")
    images.attr["dtype"].type = FLOAT
    axes = graph.node.add(name="axes", op="Const")
    axes.attr["dtype"].type = tensor_pb2.DT_INT32
    axes.attr["value"].tensor.dtype = tensor_pb2.DT_INT32
    axes.attr["value"].tensor.tensor_shape.dim.add(size=len(shape))
    axes.attr["value"].tensor.int_val.extend(range(1, len(shape) + 1))
    mean = graph.node.add(name="mean", op="Mean", input=["images", "axes"])
    mean.attr["T"].type = FLOAT
    mean.attr["Tidx"].type = tensor_pb2.DT_INT32
    again = graph.node.add(name="probabilities", op="Pack", input=["mean"] * classes)
    again.attr["T"].type = FLOAT
    again.attr["N"].i = classes
    again.attr["axis"].i = 1
    return save_graph(folder, graph, {"images": (-1, *shape)}, {"probabilities": (-1, classes)})


def add_web_model(version: Path, weights: bytes = b"\0\0\0\0", name: str = "group1-shard1of1.bin") -> Path:
    """Puts files of a TensorFlow.js model into a version folder, as they lie in a release; returns their folder."""
    folder = version / "exports" / "tfjs_layers"
    folder.mkdir(parents=True)
    (folder / "model.json").write_text(json.dumps({"weightsManifest": [{"paths": [name], "weights": []}]}))
    (folder / "group1-shard1of1.bin").write_bytes(weights)
    return folder
