"""Layers that are not Keras' own, made known to it before it reads a network that has some."""

from __future__ import annotations

from importlib import import_module

from slipline.components.artifacts import TrainedModel


def import_layers(model: TrainedModel) -> None:
    """Imports the module that built the network, which registers its layers with Keras."""
    if model.network:
        import_module(model.network.partition(":")[0])
