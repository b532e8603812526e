"""Networks of more kinds than the default one, as TensorFlow.js layers models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slipline.components.exports.source import ExportSource
from slipline.components.exports.tfjs_layers import NotInTensorFlowJs, read_layers, write_layers
from slipline.components.features.schema_io import ImageFeature
from tests.components.exports.conftest import asked_in_node

pytestmark = pytest.mark.slow

IMAGE = ImageFeature(name="image", height=12, width=12, channels=3)


def source_of(model: Any, folder: Path) -> ExportSource:
    model.save(folder / "model.keras")
    none = np.zeros((0, 12, 12, 3), np.float32)
    return ExportSource(
        keras_path=folder / "model.keras", saved_model=folder, image=IMAGE, labels=("a", "b", "c"), calibration=none
    )


def branched() -> Any:
    """A functional network with a branch, normalization, and convolutions of several kinds."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    taken = keras.Input((12, 12, 3))
    wide = layers.Conv2D(8, 3, padding="same", strides=2)(taken)
    wide = layers.Activation("relu")(layers.BatchNormalization()(wide))
    deep = layers.SeparableConv2D(8, 3, padding="same", activation="elu")(wide)
    deep = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(deep)
    joined = layers.Concatenate()([layers.Add()([wide, deep]), wide])
    pooled = layers.GlobalAveragePooling2D()(layers.AveragePooling2D(2)(layers.ZeroPadding2D(1)(joined)))
    given = layers.Dense(3, activation="softmax")(layers.Dropout(0.5)(pooled))
    model = keras.Model(taken, given)
    for weight in model.weights:  # statistics of the normalization included
        weight.assign(np.abs(np.random.default_rng(2).normal(0.3, 0.2, weight.shape)))
    return model


def test_a_branched_network_answers_alike_in_tensorflow_js(node_modules: Path, tmp_path: Path) -> None:
    model = branched()
    (tmp_path / "js").mkdir()
    write_layers(source_of(model, tmp_path), tmp_path / "js" / "model.json")
    images = np.random.default_rng(3).random((5, 12, 12, 3), np.float32)
    wanted = model.predict(images, verbose=0)
    np.testing.assert_allclose(read_layers(tmp_path / "js" / "model.json")(images), wanted, atol=1e-6)
    found = asked_in_node(node_modules, "layers", tmp_path / "js", images, tmp_path)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "settings", "message"),
    [
        ("LayerNormalization", {}, "odd: LayerNormalization is none of those known to mean the same"),
        ("Dense", {"units": 3, "activation": "gelu"}, "odd: no activation 'gelu' there; export tfjs_graph instead"),
        ("Conv2D", {"filters": 3, "kernel_size": 3, "groups": 3}, "odd: no groups of channels there"),
    ],
)
def test_a_layer_that_is_not_known_to_mean_the_same_there_is_named(
    tmp_path: Path, layer: str, settings: dict[str, Any], message: str
) -> None:
    import keras

    odd = getattr(keras.layers, layer)(name="odd", **settings)
    model = keras.Sequential([keras.Input((12, 12, 3)), odd, keras.layers.Flatten(), keras.layers.Dense(3)])
    with pytest.raises(NotInTensorFlowJs, match=message):
        write_layers(source_of(model, tmp_path), tmp_path / "model.json")
