"""Each format, made once of a small trained model, is used again in another process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slipline.components.artifacts import ExportedFile
from slipline.components.exports.convert_settings import ConvertParams
from slipline.components.exports.formats import FORMATS
from slipline.serving.folders.version_folder import manifest_of
from slipline.serving.models.tensorflow.saved_model import SavedModel
from slipline.serving.models.tflite.tflite_model import TfliteModel
from tests.components.exports.conftest import Made, asked_in_node, folder

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
TFLITE = [name for name in FORMATS if name.startswith(("tflite", "litert"))]


def reloaded(made: Made, kind: str, file: Path, target: Path) -> dict[str, Any]:
    """What another process finds, from a copy of the file elsewhere."""
    images, labels = made.test_digits()
    np.savez(target / "digits.npz", images=images, labels=labels)
    copy = target / file.name
    (shutil.copytree if file.is_dir() else shutil.copy2)(file, copy)
    answers = target / "answers.npz"
    command = [sys.executable, HERE / "reload_export.py", kind, copy, target / "digits.npz", answers]
    subprocess.run(command, check=True, cwd=target)
    with np.load(answers) as found:
        return dict(found)


def wanted(made: Made) -> tuple[Any, float]:
    """The SavedModel's probabilities, and its accuracy."""
    images, labels = made.test_digits()
    probabilities = SavedModel.load(made.plain.path).run({"images": images})["probabilities"]
    return probabilities, float(np.mean(probabilities.argmax(axis=1) == labels))


def exported(made: Made, name: str) -> ExportedFile:
    (found,) = (each for each in made.converted.exports if each.format == name)
    return found


def test_every_format_is_made_and_its_size_and_parity_recorded(made: Made) -> None:
    assert [each.format for each in made.converted.exports] == ["saved_model", *FORMATS]
    for each in made.converted.exports:
        assert each.withheld == ""
        assert each.size_bytes is not None
        assert each.size_bytes > 10_000
        assert each.agreement is not None
        assert each.largest_difference is not None
        assert each.agreement >= 0.95
        if each.format not in FORMATS or FORMATS[each.format].exact:
            assert each.agreement == 1.0
            assert each.largest_difference < 1e-5
        assert (each.latency_ms is not None) == (not each.format.startswith("tfjs"))


def test_the_saved_model_is_released_as_it_was(made: Made) -> None:
    before, after = manifest_of(made.plain.path), manifest_of(made.converted.path)
    assert set(before.files) < set(after.files)
    assert "model.tflite" in [file.path for file in after.files]


def test_a_saved_model_answers_in_another_process(made: Made, tmp_path: Path) -> None:
    found, (probabilities, accuracy) = reloaded(made, "saved_model", made.converted.path, tmp_path), wanted(made)
    np.testing.assert_allclose(found["probabilities"], probabilities, atol=1e-5)
    assert found["accuracy"] == accuracy


def test_keras_files_predict_evaluate_and_go_on_training_alike_in_another_process(made: Made, tmp_path: Path) -> None:
    probabilities, accuracy = wanted(made)
    losses = []
    for name in ("keras", "h5"):
        found = reloaded(made, name, made.file(name), folder(tmp_path, name))
        np.testing.assert_allclose(found["probabilities"], probabilities, atol=1e-5)
        assert found["accuracy"] == pytest.approx(accuracy)
        assert (found["steps_before"], found["steps_after"]) == (60, 68)
        assert found["loss_after"] < found["loss_before"]
        losses.append(float(found["loss_after"]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.parametrize("name", TFLITE)
def test_the_contract_for_apps_holds_in_litert_without_tensorflow(made: Made, tmp_path: Path, name: str) -> None:
    found, (probabilities, accuracy) = reloaded(made, "tflite", made.file(name), tmp_path), wanted(made)
    difference = np.abs(found["probabilities"] - probabilities).max()
    assert difference == pytest.approx(exported(made, name).largest_difference, abs=1e-3)
    assert found["accuracy"] == pytest.approx(accuracy, abs=0.02)
    np.testing.assert_allclose(found["probabilities"].sum(axis=1), 1, atol=0.02)


def test_the_contract_is_written_beside_the_files(made: Made) -> None:
    contract = json.loads((made.converted.path / "exports" / "contract.json").read_text())
    assert contract["input"] == {"name": "images", "dtype": "float32", "shape": [None, 28, 28, 1], "range": [0, 1]}
    assert contract["output"] == {"name": "probabilities", "dtype": "float32", "shape": [None, 10]}
    assert contract["labels"] == list("0123456789")
    for each in contract["files"]:
        assert (made.converted.path / each["file"]).is_file()


def test_our_server_runs_the_tflite_file_where_it_lies(made: Made) -> None:
    images, _ = made.test_digits()
    answer = TfliteModel.load(made.converted.path).run({"images": images})
    np.testing.assert_allclose(answer["probabilities"], wanted(made)[0], atol=1e-5)
    np.testing.assert_array_equal(answer["class"], answer["probabilities"].argmax(axis=1))


@pytest.mark.parametrize("kind", ["layers", "graph"])
def test_tensorflow_js_answers_as_the_saved_model_does(
    made: Made, node_modules: Path, tmp_path: Path, kind: str
) -> None:
    images, _ = made.test_digits()
    answers = asked_in_node(node_modules, kind, made.file(f"tfjs_{kind}").parent, images[:100], tmp_path)
    np.testing.assert_allclose(answers, wanted(made)[0][:100], atol=1e-5)


def test_a_format_that_fails_its_gate_is_withheld_and_the_rest_is_released(made: Made, tmp_path: Path) -> None:
    strict = ConvertParams(formats=("tflite_dynamic", "tflite"), max_difference=0.0, min_agreement=0.95)
    again = made.again(folder(tmp_path, "a"), strict)
    assert [bool(each.withheld) for each in again.exports] == [False, False, True]
    assert again.exports[2].withheld.endswith("more than convert.max_difference 0")
    assert again.exports[2].agreement == 1.0
    assert not (again.path / "model.tflite").exists()
    assert (again.path / "exports" / "dynamic.tflite").is_file()
    assert (again.path / "saved_model.pb").is_file()


def test_the_same_model_makes_the_same_files(made: Made, tmp_path: Path) -> None:
    formats = tuple(name for name in FORMATS if name != "tflite_int8")
    again = made.again(folder(tmp_path, "a"), ConvertParams(formats=formats))
    first = {file.path: file for file in manifest_of(made.converted.path).files}
    for file in manifest_of(again.path).files:
        if not file.path.endswith("contract.json"):
            assert file == first[file.path]


def test_without_formats_the_saved_model_is_released_alone(made: Made, tmp_path: Path) -> None:
    alone = made.again(folder(tmp_path, "a"), ConvertParams(formats=()))
    assert alone.exports == ()
    assert manifest_of(alone.path).digest == manifest_of(made.plain.path).digest
