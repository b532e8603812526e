"""The formats there are: what each is called, where its file lies, and how it is written and read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slipline.components.exports.keras_files import read_keras, write_h5, write_keras
from slipline.components.exports.source import ExportSource, Predict
from slipline.components.exports.tfjs_graph import read_graph, write_graph
from slipline.components.exports.tfjs_layers import read_layers, write_layers
from slipline.components.exports.tflite_files import (
    read_tflite,
    write_dynamic,
    write_float16,
    write_float32,
    write_int8,
    write_web,
)

FOLDER = "exports"


@dataclass(frozen=True)
class Format:
    """One way to keep a model.

    Attributes:
      name: What settings call it.
      file: Path below the version folder.
      write: Makes the file, and what belongs beside it.
      read: The model in the file, to be asked.
      alone: Whether it is the whole; else all of its folder belongs to it.
      exact: Whether it computes with the same numbers, so that answers differ by rounding alone.
      timed: Whether `read` runs it in the program it is meant for, so that its time means something.
    """

    name: str
    file: str
    write: Callable[[ExportSource, Path], None]
    read: Callable[[Path], Predict]
    alone: bool = True
    exact: bool = True
    timed: bool = True


FORMATS = {
    form.name: form
    for form in (
        Format("keras", f"{FOLDER}/model.keras", write_keras, read_keras),
        Format("h5", f"{FOLDER}/model.h5", write_h5, read_keras),
        Format("tflite", "model.tflite", write_float32, read_tflite),
        Format("tflite_float16", f"{FOLDER}/float16.tflite", write_float16, read_tflite, exact=False),
        Format("tflite_dynamic", f"{FOLDER}/dynamic.tflite", write_dynamic, read_tflite, exact=False),
        Format("tflite_int8", f"{FOLDER}/int8.tflite", write_int8, read_tflite, exact=False),
        Format("litert_web", f"{FOLDER}/web.tflite", write_web, read_tflite),
        Format("tfjs_layers", f"{FOLDER}/tfjs_layers/model.json", write_layers, read_layers, alone=False, timed=False),
        Format("tfjs_graph", f"{FOLDER}/tfjs_graph/model.json", write_graph, read_graph, alone=False, timed=False),
    )
}
"""By name. `model.tflite` lies where model servers look for it (`--prefer_tflite_model`)."""
