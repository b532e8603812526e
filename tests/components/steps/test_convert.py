"""What may be asked of `convert`, and when it withholds a format. The formats themselves: `exports/`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from slipline.components.artifacts import ExportedFile
from slipline.components.exports.convert_settings import FORMAT_NAMES, ConvertParams
from slipline.components.exports.exporting import judge
from slipline.components.exports.formats import FORMATS
from slipline.pipeline.app.settings.home import Home
from slipline.pipeline.app.settings.training_settings import TrainingSettings
from slipline.pipeline.app.training import training_pipeline

MADE = ExportedFile(format="tflite", file="model.tflite", size_bytes=1, agreement=1.0, largest_difference=0.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"formats": ("tflite", "onnx")}, "formats: wanted some of keras, h5, tflite.*, got 'onnx'"),
        ({"formats": ("tflite", "tflite")}, "formats must be different"),
        ({"calibration_images": 0}, "calibration_images must be greater than 0, got 0"),
        ({"max_difference": -1.0}, "max_difference must be at least 0"),
        ({"min_agreement": 1.5}, "min_agreement must be from 0 to 1"),
    ],
)
def test_settings_that_cannot_be_met_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ConvertParams(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "settings", [{"calibration_images": 1}, {"max_difference": 0.0}, {"min_agreement": 0.0}, {"min_agreement": 1.0}]
)
def test_settings_at_the_ends_of_what_can_be_met_are_taken(settings: dict[str, object]) -> None:
    ConvertParams(**settings)  # type: ignore[arg-type]


def test_a_format_is_withheld_for_the_answers_it_gives_with_the_value_and_the_limit() -> None:
    tflite, int8, params = FORMATS["tflite"], FORMATS["tflite_int8"], ConvertParams()
    assert judge(MADE, tflite, params) == ""
    assert (
        judge(replace(MADE, agreement=0.9), int8, params)
        == "names the SavedModel's class for 90.00% of the images, below convert.min_agreement 0.99"
    )
    far = replace(MADE, largest_difference=0.02)
    assert judge(far, tflite, params) == "a probability differs by 0.02, more than convert.max_difference 0.0001"
    assert judge(far, int8, params) == ""
    just = replace(MADE, agreement=params.min_agreement, largest_difference=params.max_difference)
    assert judge(just, tflite, params) == judge(just, int8, params) == ""
    assert judge(replace(MADE, largest_difference=None), int8, params) == "some probabilities are no numbers"


def test_every_format_that_may_be_asked_for_is_there_to_be_made() -> None:
    assert tuple(FORMATS) == FORMAT_NAMES


def test_no_two_formats_lie_in_one_place() -> None:
    places = [form.file if form.alone else form.file.rpartition("/")[0] for form in FORMATS.values()]
    assert len(set(places)) == len(FORMATS)
    assert {name for name, form in FORMATS.items() if form.file == "model.tflite"} == {"tflite"}


def test_what_is_evaluated_tried_and_released_is_what_was_converted(tmp_path: Path) -> None:
    flow = training_pipeline(TrainingSettings(), Home(tmp_path))
    steps = {step.name: step for step in flow.steps}
    assert steps["convert"].inputs["model"] is steps["export"]
    for later in ("evaluate", "infra_validate", "push"):
        assert steps[later].inputs["model"] is steps["convert"]
    assert steps["find_live"].inputs["candidate"] is steps["convert"]


def test_the_split_to_calibrate_by_must_be_there_if_int8_is_made() -> None:
    ConvertParams(calibration_split="learn")
    with pytest.raises(ValueError, match=r"convert.calibration_split must be one of the splits brought in"):
        TrainingSettings(convert=ConvertParams(formats=("tflite_int8",), calibration_split="learn"))
