"""Keeps the trained model in further formats beside its SavedModel, each held against it before it may be released."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from slipline.components.artifacts import Examples, Schema, ServableModel, TrainedModel
from slipline.components.exports.convert_settings import ConvertParams
from slipline.pipeline.core.component import Say, component
from slipline.serving.folders.app_contract import CONTRACT


@component(loads=("tensorflow",))
def convert(
    trained: TrainedModel,
    model: ServableModel,
    examples: Examples,
    schema: Schema,
    params: ConvertParams,
    out: Path,
    say: Say,
) -> ServableModel:
    """The SavedModel as it is, and beside it each format that answers as it does.

    A format that cannot be made of this network, or whose answers are too far off, is withheld, and the artifact says
    why; the rest is released without it.

    Args:
      trained: The model as Keras keeps it.
      model: The SavedModel.
      examples: Holds the images to ask about, and those to calibrate by.
      schema: Names the image feature.
      params: Which formats, and how near.
      out: Becomes the version folder.
      say: Told which format is made.

    Returns:
      The model with its exports: the size, parity and latency of each.
    """
    from slipline.components.examples.examples_io import read_split
    from slipline.components.exports.exporting import (
        calibration_images,
        export_format,
        saved_model_file,
        served,
        write_contract,
    )
    from slipline.components.exports.formats import FORMATS
    from slipline.components.exports.parity import Asked, latency_ms
    from slipline.components.exports.source import ExportSource
    from slipline.components.features.decode_images import scaled
    from slipline.components.features.schema_io import example_spec

    shutil.copytree(model.path, out, dirs_exist_ok=True)
    if not params.formats:
        return replace(model, path=out)
    spec = example_spec(schema)
    trained.import_layers()
    source = ExportSource(
        keras_path=trained.keras_path,
        saved_model=model.path,
        image=spec.image,
        labels=examples.class_names(spec.label.classes),
        calibration=calibration_images(examples, spec, params),
    )
    say("asking the SavedModel")
    asked = Asked(scaled(read_split(examples, params.split, spec).images))
    saved_model = served(model.path)
    wanted = asked.answers(saved_model)
    exports = [saved_model_file(model.path, latency_ms(saved_model, asked.images[:1]))]
    for name in params.formats:
        say(f"making {name}")
        exports.append(export_format(FORMATS[name], source, asked, wanted, params, out))
    write_contract(out / CONTRACT, source, exports)
    return replace(model, path=out, exports=tuple(exports))
