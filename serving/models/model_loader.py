"""Loads what lies in a version folder: a TFLite model where one is preferred and there, else the SavedModel."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from slipline.serving.errors import LoadFailed
from slipline.serving.models.loaded_model import LoadedModel
from slipline.serving.models.paired_model import PairedModel
from slipline.serving.models.tensorflow.native import Threads
from slipline.serving.models.tensorflow.saved_model import SAVED_MODEL_FILE, SERVE_TAG, SavedModel, read_signatures
from slipline.serving.models.tflite.tflite_model import TFLITE_FILE, TfliteModel


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """How models are loaded.

    Attributes:
      threads: How many threads compute; `intra_op` goes for each TFLite interpreter as well, 1 where it is 0.
      tags: Of the graph to load from a SavedModel.
      tflite: Whether a TFLite model is preferred.
      tflite_pools: Pools of interpreters for each TFLite model; None for one per core.
      tflite_interpreters_per_pool: So many requests at most run at once on each.
    """

    threads: Threads = field(default_factory=Threads)
    tags: Sequence[str] = (SERVE_TAG,)
    tflite: bool = False
    tflite_pools: int | None = None
    tflite_interpreters_per_pool: int = 1

    @property
    def interpreters(self) -> int:
        """Of one TFLite model, in all its pools together."""
        return (self.tflite_pools or os.cpu_count() or 1) * max(1, self.tflite_interpreters_per_pool)


def has_preferred_tflite(folder: Path, preferences: Preferences) -> bool:
    """Whether the model in `folder` is served as a TFLite model."""
    return preferences.tflite and (folder / TFLITE_FILE).is_file()


def load_model(folder: Path, preferences: Preferences) -> LoadedModel:
    """The model in `folder`.

    Raises:
      LoadFailed: There is none, or it cannot be loaded.
    """
    if has_preferred_tflite(folder, preferences):
        return _tflite_model(folder, preferences)
    has_tflite = (folder / TFLITE_FILE).is_file()
    try:
        return SavedModel.load(folder, threads=preferences.threads, tags=preferences.tags)
    except LoadFailed as error:
        if has_tflite and not (folder / SAVED_MODEL_FILE).exists():
            hint = f"There is a {TFLITE_FILE}; to serve it, start with --prefer_tflite_model"
            raise LoadFailed(f"{error}. {hint}") from error.__cause__
        raise


def _tflite_model(folder: Path, preferences: Preferences) -> LoadedModel:
    """The TFLite model, with the SavedModel beside it if that has signatures of its own."""
    # One thread by default: for one small request, more take longer to meet than to compute.
    threads = replace(preferences.threads, intra_op=max(1, preferences.threads.intra_op))
    model = TfliteModel.load(folder, interpreters=preferences.interpreters, threads=threads.intra_op)
    try:
        if not (folder / SAVED_MODEL_FILE).exists():
            return model
        beside = read_signatures(folder, preferences.tags).keys() - model.signatures.keys()
        if all(name.startswith("__") for name in beside):  # TensorFlow's own, not for clients
            return model
        return PairedModel(model, SavedModel.load(folder, threads=threads, tags=preferences.tags))
    except BaseException:
        model.close()
        raise
