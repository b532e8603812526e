"""Keeps the trained model in further formats beside its SavedModel, each held against it before it may be released."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import shorten

import numpy as np

from slipline.components.artifacts import Examples, ExportedFile, Schema, ServableModel, TrainedModel
from slipline.components.examples.examples_io import read_batches, read_split
from slipline.components.exports.formats import FORMATS, Format
from slipline.components.exports.parity import Asked, latency_ms, parity_of
from slipline.components.exports.source import INPUT, OUTPUT, ExportSource, Images, Predict, Probabilities
from slipline.components.features.decode_images import scaled
from slipline.components.features.schema_io import ExampleSpec, example_spec
from slipline.pipeline.core.component import Say, component, params
from slipline.serving.folders.app_contract import CONTRACT

SAVED_MODEL = "saved_model"
CALIBRATED = "tflite_int8"
MOST_CHARACTERS = 300
"""Of a converter's message: some bring the whole graph."""

DEFAULT_FORMATS = ("keras", "tflite", "tfjs_layers")
"""What costs least beside a training, under a second each; int8 and its like take twice as long."""


@params
class ConvertParams:
    """Which formats are made, and how near to the SavedModel each must come.

    Attributes:
      formats: Names out of `slipline.components.exports.formats`.
      split: Whose images every format is asked about.
      calibration_split: Whose first images int8 takes the ranges of its numbers from.
      calibration_images: How many.
      max_difference: Largest difference of a probability, for formats that compute in float32.
      min_agreement: Smallest share of images with the same likeliest class, for every format, in 0..1.
    """

    formats: tuple[str, ...] = DEFAULT_FORMATS
    split: str = "test"
    calibration_split: str = "train"
    calibration_images: int = 200
    max_difference: float = 1e-4
    min_agreement: float = 0.99

    def __post_init__(self) -> None:
        for name in self.formats:
            if name not in FORMATS:
                raise ValueError(f"formats: wanted some of {', '.join(FORMATS)}, got {name!r}")
        if len(set(self.formats)) < len(self.formats):
            raise ValueError(f"formats must be different, got {', '.join(self.formats)}")
        if self.calibration_images <= 0:
            raise ValueError(f"calibration_images must be greater than 0, got {self.calibration_images}")
        if not self.max_difference >= 0:
            raise ValueError(f"max_difference must be at least 0, got {self.max_difference}")
        if not 0 <= self.min_agreement <= 1:
            raise ValueError(f"min_agreement must be from 0 to 1, got {self.min_agreement}")


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
        calibration=_calibration(examples, spec, params),
    )
    say("asking the SavedModel")
    asked = Asked(scaled(read_split(examples, params.split, spec).images))
    served = _served(model.path)
    wanted = asked.answers(served)
    exports = [_saved_model(model.path, latency_ms(served, asked.images[:1]))]
    for name in params.formats:
        say(f"making {name}")
        exports.append(_export(FORMATS[name], source, asked, wanted, params, out))
    _write_contract(out / CONTRACT, source, exports)
    return replace(model, path=out, exports=tuple(exports))


def _calibration(examples: Examples, spec: ExampleSpec, params: ConvertParams) -> Images:
    """The first images of the calibration split; none where no format wants them."""
    if CALIBRATED not in params.formats:
        return np.zeros((0, spec.image.height, spec.image.width, spec.image.channels), np.float32)
    batches = read_batches(examples, params.calibration_split, spec, size=params.calibration_images)
    return scaled(next(batches).images)


def _served(folder: Path) -> Predict:
    from slipline.serving.models.tensorflow.saved_model import SavedModel

    model = SavedModel.load(folder)

    def predict(images: Images) -> Probabilities:
        return np.asarray(model.run({INPUT: images}, outputs=(OUTPUT,))[OUTPUT], np.float32)

    return predict


def _saved_model(folder: Path, latency: float) -> ExportedFile:
    return ExportedFile(
        format=SAVED_MODEL,
        file="saved_model.pb",
        size_bytes=_size_bytes(folder),
        agreement=1.0,
        largest_difference=0.0,
        latency_ms=latency,
    )


def _export(
    form: Format, source: ExportSource, asked: Asked, wanted: Probabilities, params: ConvertParams, folder: Path
) -> ExportedFile:
    """Makes one format, reads it back and asks it everything; leaves no file of one that is withheld."""
    file = folder / form.file
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        form.write(source, file)
        predict = form.read(file)
        parity = parity_of(asked.answers(predict), wanted)
        made = ExportedFile(
            format=form.name,
            file=form.file,
            size_bytes=_size_bytes(_own(form, folder)),
            agreement=parity.agreement,
            largest_difference=_number(parity.largest_difference),
            latency_ms=latency_ms(predict, asked.images[:1]) if form.timed else None,
        )
        made = replace(made, withheld=judge(made, form, params))
    except Exception as error:  # converters raise anything over a network they do not know
        why = shorten(f"{type(error).__name__}: {error}", MOST_CHARACTERS, placeholder=" ...")
        made = ExportedFile(format=form.name, file=form.file, withheld=why)
    if made.withheld:
        _remove(_own(form, folder))
    return made


def judge(made: ExportedFile, form: Format, params: ConvertParams) -> str:
    """Why a format must not be released: what was measured, and the limit; empty if it may be."""
    agreement, difference = made.agreement, made.largest_difference
    if difference is None:
        return "some probabilities are no numbers"
    if agreement is None or agreement < params.min_agreement:
        share = f"{agreement or 0:.2%} of the images"
        return f"names the SavedModel's class for {share}, below convert.min_agreement {params.min_agreement}"
    if form.exact and difference > params.max_difference:
        return f"a probability differs by {difference:.2g}, more than convert.max_difference {params.max_difference:g}"
    return ""


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _own(form: Format, folder: Path) -> Path:
    """What belongs to a format alone: its file, or the folder that it shares with none."""
    return folder / form.file if form.alone else (folder / form.file).parent


def _size_bytes(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _write_contract(file: Path, source: ExportSource, exports: Sequence[ExportedFile]) -> None:
    """What an app has to know of the files beside it; no times, so that the same model is the same release."""
    image = source.image
    told = ("format", "file", "size_bytes", "agreement", "largest_difference")
    released = [{name: getattr(made, name) for name in told} for made in exports if not made.withheld]
    contract = {
        "input": {
            "name": INPUT,
            "dtype": "float32",
            "shape": [None, image.height, image.width, image.channels],
            "range": [0, 1],
        },
        "output": {"name": OUTPUT, "dtype": "float32", "shape": [None, len(source.labels)]},
        "labels": source.labels,
        "files": released,
    }
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(contract, indent=1), "utf-8")
