"""Makes a format, reads it back, and holds its answers against those of the SavedModel."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import shorten

import numpy as np

from slipline.components.artifacts import Examples, ExportedFile
from slipline.components.examples.examples_io import read_batches
from slipline.components.exports.convert_settings import CALIBRATED, ConvertParams
from slipline.components.exports.formats import Format
from slipline.components.exports.parity import Asked, latency_ms, parity_of
from slipline.components.exports.source import INPUT, OUTPUT, ExportSource, Images, Predict, Probabilities
from slipline.components.features.decode_images import scaled
from slipline.components.features.schema_io import ExampleSpec

SAVED_MODEL = "saved_model"
MOST_CHARACTERS = 300
"""Of a converter's message: some bring the whole graph."""


def calibration_images(examples: Examples, spec: ExampleSpec, params: ConvertParams) -> Images:
    """The first images of the calibration split; none where no format wants them."""
    if CALIBRATED not in params.formats:
        return np.zeros((0, *spec.image.shape), np.float32)
    batches = read_batches(examples, params.calibration_split, spec, size=params.calibration_images)
    return scaled(next(batches).images)


def served(folder: Path) -> Predict:
    """The SavedModel in a folder, as a server runs it."""
    from slipline.serving.models.tensorflow.saved_model import SavedModel

    model = SavedModel.load(folder)

    def predict(images: Images) -> Probabilities:
        return np.asarray(model.run({INPUT: images}, outputs=(OUTPUT,))[OUTPUT], np.float32)

    return predict


def saved_model_file(folder: Path, latency: float) -> ExportedFile:
    """What is told of the SavedModel itself, which every other format is held against."""
    return ExportedFile(
        format=SAVED_MODEL,
        file="saved_model.pb",
        size_bytes=_size_bytes(folder),
        agreement=1.0,
        largest_difference=0.0,
        latency_ms=latency,
    )


def export_format(
    form: Format, source: ExportSource, asked: Asked, wanted: Probabilities, params: ConvertParams, folder: Path
) -> ExportedFile:
    """Makes one format, reads it back and asks it everything; leaves no file of one that is withheld."""
    file = folder / form.file
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        form.write(source, file)
        predict = form.read(file)
        agreement, difference = parity_of(asked.answers(predict), wanted)
        made = ExportedFile(
            format=form.name,
            file=form.file,
            size_bytes=_size_bytes(_own(form, folder)),
            agreement=agreement,
            largest_difference=difference if math.isfinite(difference) else None,
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


def write_contract(file: Path, source: ExportSource, exports: Sequence[ExportedFile]) -> None:
    """What an app has to know of the files beside it; no times, so that the same model is the same release."""
    told = ("format", "file", "size_bytes", "agreement", "largest_difference")
    released = [{name: getattr(made, name) for name in told} for made in exports if not made.withheld]
    contract = {
        "input": {
            "name": INPUT,
            "dtype": "float32",
            "shape": [None, *source.image.shape],
            "range": [0, 1],
        },
        "output": {"name": OUTPUT, "dtype": "float32", "shape": [None, len(source.labels)]},
        "labels": source.labels,
        "files": released,
    }
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(contract, indent=1), "utf-8")
