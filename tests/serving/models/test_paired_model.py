from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from slipline.serving.errors import BadRequest
from slipline.serving.models.model_loader import Preferences, load_model
from slipline.serving.models.paired_model import PairedModel
from slipline.serving.models.tflite.tflite_model import TfliteModel
from tests.serving.models.tflite_models import GraphSpec, save, tflite_bytes

PREFERRED = Preferences(tflite=True)
X = np.array([[1, 2]], "float32")


@pytest.fixture
def folder(scalers: Path, tmp_path: Path) -> Path:
    """A SavedModel of several signatures, and a TFLite model that adds, as the signature `serving_default` alone."""
    shutil.copytree(scalers / "1", tmp_path / "1")
    return save(tmp_path / "1", tflite_bytes(GraphSpec(signature="serving_default")))


def test_each_signature_is_run_by_the_model_that_has_it(folder: Path) -> None:
    """Warm-up requests for all of them can then be replayed."""
    with load_model(folder, PREFERRED) as model:
        assert isinstance(model, PairedModel)
        assert model.run({"a": X, "b": X})["sum"].tolist() == [[2, 4]]
        greeted = model.run({"name": np.array([b"Ann"], object)}, "greet")
        assert greeted["greeting"].tolist() == [b"hello Ann"]
        assert model.traits()["greet"].is_state_free


def test_signatures_of_two_models_do_not_run_at_once(folder: Path) -> None:
    with load_model(folder, PREFERRED) as model:
        ours, theirs = (model.signature(name) for name in ("serving_default", "greet"))
        outputs = [ours.outputs["sum"].name, theirs.outputs["greeting"].name]
        with pytest.raises(BadRequest, match="two models"):
            model.compute({ours.inputs["a"].name: X, ours.inputs["b"].name: X}, outputs)


def test_saved_model_without_further_signatures_is_not_loaded(tmp_path: Path, scalers: Path) -> None:
    names = ("serving_default", "greet", "serving_images", "picky", "count")
    shutil.copytree(scalers / "1", tmp_path / "1")
    save(tmp_path / "1", tflite_bytes(*(GraphSpec(signature=name) for name in names)))
    with load_model(tmp_path / "1", PREFERRED) as model:
        assert isinstance(model, TfliteModel)
