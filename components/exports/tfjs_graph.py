"""A TensorFlow.js graph model: TensorFlow's operations as JSON, and their constants in one file.

The format is that of `tfjs.loadGraphModel`; the official converter does not install beside today's TensorFlow.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from slipline.components.exports.source import INPUT, OUTPUT, ExportSource, Images, Predict, Probabilities
from slipline.components.exports.tfjs_weights import read_model, write_model

if TYPE_CHECKING:
    import tensorflow as tf
    from tensorflow.types.experimental import ConcreteFunction

OPTIMIZERS = ("pruning", "constfold", "arithmetic", "dependency", "pruning")
"""TensorFlow's own graph optimizers: those the official converter uses, but for what fuses operations."""


def write_graph(source: ExportSource, file: Path) -> None:
    """`model.json` and its weights: from `images`, float32 [N, height, width, channels], to `probabilities`."""
    import tensorflow as tf
    from google.protobuf.json_format import MessageToDict
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    function, _model = source.default_signature(batch_size=None)
    frozen = convert_variables_to_constants_v2(function)
    graph = _simplified(frozen)
    weights = _taken_out(graph)
    head = {
        "format": "graph-model",
        "generatedBy": tf.__version__,
        "convertedBy": "Slipline",
        "signature": {
            "inputs": {INPUT: _tensor(frozen.inputs[0])},
            "outputs": {OUTPUT: _tensor(frozen.outputs[0])},
        },
        "modelTopology": MessageToDict(graph),
    }
    write_model(file, head, weights)


def _simplified(frozen: ConcreteFunction) -> tf.compat.v1.GraphDef:
    """The function's graph without what only says how it was traced, its constants computed beforehand."""
    import tensorflow as tf
    from tensorflow.python.grappler.tf_optimizer import OptimizeGraph

    graph = frozen.graph.as_graph_def()
    for node in graph.node:
        if node.op == "EnsureShape":  # TensorFlow.js looks for the shape among its inputs; the placeholder has it, too
            node.op = "Identity"
            del node.attr["shape"]
    config = tf.compat.v1.ConfigProto()
    config.graph_options.rewrite_options.optimizers.extend(OPTIMIZERS)
    config.graph_options.rewrite_options.min_graph_nodes = -1  # however small it is
    with tf.Graph().as_default():
        tf.import_graph_def(graph, name="")
        meta = tf.compat.v1.train.export_meta_graph()
    for tensor in (*frozen.inputs, *frozen.outputs):
        meta.collection_def["train_op"].node_list.value.append(tensor.name)
    return OptimizeGraph(config, meta)


def _taken_out(graph: tf.compat.v1.GraphDef) -> dict[str, NDArray[Any]]:
    """The constants of a graph, which is left with their types and shapes alone."""
    import tensorflow as tf

    constants = {}
    for node in graph.node:
        if node.op == "Const":
            tensor = node.attr["value"].tensor
            constants[node.name] = tf.make_ndarray(tensor)
            kept = type(tensor)(dtype=tensor.dtype, tensor_shape=tensor.tensor_shape)
            tensor.CopyFrom(kept)
    return constants


def _tensor(tensor: tf.Tensor) -> dict[str, object]:
    sizes = [{"size": str(-1 if size is None else size)} for size in tensor.shape]
    kind = f"DT_{'FLOAT' if tensor.dtype.name == 'float32' else tensor.dtype.name.upper()}"
    return {"name": tensor.name, "dtype": kind, "tensorShape": {"dim": sizes}}


def read_graph(file: Path) -> Predict:
    """The model in a `model.json`, put together again and run by TensorFlow."""
    import tensorflow as tf
    from google.protobuf.json_format import ParseDict

    head, weights = read_model(file)
    graph = ParseDict(head["modelTopology"], tf.compat.v1.GraphDef())
    for node in graph.node:
        if node.op == "Const":
            kind = tf.as_dtype(node.attr["dtype"].type)
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(weights[node.name], kind, weights[node.name].shape))
    signature = head["signature"]
    taken, given = signature["inputs"][INPUT]["name"], signature["outputs"][OUTPUT]["name"]
    imported = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])
    run = imported.prune(taken, given)

    def predict(images: Images) -> Probabilities:
        return np.asarray(run(tf.constant(images)), np.float32)

    return predict
