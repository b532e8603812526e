"""A TensorFlow.js layers model: Keras' layers as JSON, and their weights in one file.

The format is that of `tfjs.loadLayersModel`, which knows Keras 2's way of writing a model down; the official converter
does not install beside today's TensorFlow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipline.components.exports.keras_files import KerasNetwork
from slipline.components.exports.source import ExportSource, Predict
from slipline.components.exports.tfjs_weights import read_model, write_model

if TYPE_CHECKING:
    import keras

LAYERS = frozenset(
    {
        *("Activation", "Add", "AveragePooling2D", "BatchNormalization", "Concatenate", "Conv2D", "Dense"),
        *("DepthwiseConv2D", "Dropout", "Flatten", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "InputLayer"),
        *("MaxPooling2D", "Multiply", "Reshape", "SeparableConv2D", "ZeroPadding2D"),
    }
)
"""Those that mean the same there; of more the author of a network is told."""

ACTIVATIONS = frozenset(
    {"linear", "relu", "relu6", "elu", "selu", "sigmoid", "softmax", "softplus", "softsign", "tanh"}
)

LEFT_OUT = ("_initializer", "_regularizer", "_constraint")
"""What matters to training alone, by how its settings end."""

WEIGHT_NAMES = {("DepthwiseConv2D", "kernel"): "depthwise_kernel"}
"""Names of weights that differ between Keras 3 and TensorFlow.js, by layer and Keras' name."""


class NotInTensorFlowJs(ValueError):
    """The network has something that a TensorFlow.js layers model has not; the message says which layer."""


def write_layers(source: ExportSource, file: Path) -> None:
    """`model.json` and its weights, to be loaded, run and trained on by TensorFlow.js.

    Raises:
      NotInTensorFlowJs: A layer is none of those known to mean the same there.
    """
    import keras

    model = keras.models.load_model(source.keras_path, compile=False)
    kind = type(model).__name__
    if kind not in ("Sequential", "Functional"):
        raise NotInTensorFlowJs(f"wanted a Sequential or functional model, got {kind}; export tfjs_graph instead")
    config = model.get_config()
    plain: dict[str, object] = {"name": config["name"], "layers": [_layer(layer) for layer in config["layers"]]}
    if kind == "Functional":
        plain |= {end: _ends(config[end]) for end in ("input_layers", "output_layers")}
    topology = {
        "keras_version": keras.__version__,
        "backend": "tensorflow",
        "model_config": {"class_name": "Model" if kind == "Functional" else kind, "config": plain},
    }
    head = {
        "format": "layers-model",
        "generatedBy": f"keras {keras.__version__}",
        "convertedBy": "Slipline",
        "modelTopology": topology,
    }
    write_model(file, head, {name: keras.ops.convert_to_numpy(weight) for name, weight in _weights(model)})


def _layer(layer: Mapping[str, Any]) -> dict[str, object]:
    kind, config = layer["class_name"], layer["config"]
    name = config["name"]
    if kind not in LAYERS or layer.get("registered_name"):
        raise NotInTensorFlowJs(
            f"layer {name}: {kind} is none of those known to mean the same in TensorFlow.js; export tfjs_graph instead"
        )
    if config.get("activation", "linear") not in ACTIVATIONS:
        raise NotInTensorFlowJs(
            f"layer {name}: no activation {config['activation']!r} there; export tfjs_graph instead"
        )
    if config.get("groups", 1) != 1:
        raise NotInTensorFlowJs(f"layer {name}: no groups of channels there; export tfjs_graph instead")
    plain = {key: _value(value) for key, value in config.items() if not key.endswith(LEFT_OUT)}
    if "batch_shape" in plain:
        plain["batch_input_shape"] = plain.pop("batch_shape")
    written: dict[str, object] = {"class_name": kind, "config": plain}
    if "inbound_nodes" in layer:
        written |= {"name": name, "inbound_nodes": [_node(node) for node in layer["inbound_nodes"]]}
    return written


def _value(value: Any) -> Any:
    """A setting; of a type policy its name."""
    if isinstance(value, dict) and value.get("class_name") == "DTypePolicy":
        return value["config"]["name"]
    return list(value) if isinstance(value, tuple) else value


def _node(node: Mapping[str, Any]) -> list[list[object]]:
    """Where a layer's inputs come from: layer, number of its call, number of its output."""
    (given,) = node["args"] if len(node["args"]) == 1 else (list(node["args"]),)
    tensors = given if isinstance(given, list | tuple) else [given]
    return [[*tensor["config"]["keras_history"], {}] for tensor in tensors]


def _ends(ends: Any) -> list[Any]:
    """Inputs or outputs as a list of them, where Keras 3 writes a single one plainly."""
    return [ends] if ends and isinstance(ends[0], str) else list(ends)


def _weights(model: keras.Model) -> Iterator[tuple[str, keras.Variable]]:
    """Each weight with its name in TensorFlow.js."""
    for layer in model.layers:
        for weight in layer.weights:
            name = WEIGHT_NAMES.get((type(layer).__name__, weight.name), weight.name)
            yield f"{layer.name}/{name}", weight


def read_layers(file: Path) -> Predict:
    """The model in a `model.json`, put together again and run by Keras."""
    import keras

    head, values = read_model(file)
    written = head["modelTopology"]["model_config"]
    kind = keras.Sequential if written["class_name"] == "Sequential" else keras.Model
    model = kind.from_config(written["config"])
    for name, weight in _weights(model):
        weight.assign(values[name])
    return KerasNetwork(model)
