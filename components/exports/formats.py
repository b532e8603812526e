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


@dataclass(frozen=True, kw_only=True)
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
        Format(name="keras", file=f"{FOLDER}/model.keras", write=write_keras, read=read_keras),
        Format(name="h5", file=f"{FOLDER}/model.h5", write=write_h5, read=read_keras),
        Format(name="tflite", file="model.tflite", write=write_float32, read=read_tflite),
        Format(
            name="tflite_float16",
            file=f"{FOLDER}/float16.tflite",
            write=write_float16,
            read=read_tflite,
            exact=False,
        ),
        Format(
            name="tflite_dynamic",
            file=f"{FOLDER}/dynamic.tflite",
            write=write_dynamic,
            read=read_tflite,
            exact=False,
        ),
        Format(name="tflite_int8", file=f"{FOLDER}/int8.tflite", write=write_int8, read=read_tflite, exact=False),
        Format(name="litert_web", file=f"{FOLDER}/web.tflite", write=write_web, read=read_tflite),
        Format(
            name="tfjs_layers",
            file=f"{FOLDER}/tfjs_layers/model.json",
            write=write_layers,
            read=read_layers,
            alone=False,
            timed=False,
        ),
        Format(
            name="tfjs_graph",
            file=f"{FOLDER}/tfjs_graph/model.json",
            write=write_graph,
            read=read_graph,
            alone=False,
            timed=False,
        ),
    )
}
"""By name. `model.tflite` lies where model servers look for it (`--prefer_tflite_model`)."""
