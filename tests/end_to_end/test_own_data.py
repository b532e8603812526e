"""A user's own images, network and schema, by the way the README shows."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from slipline.serving.models.tensorflow.saved_model import SavedModel
from tests.end_to_end.conftest import User

pytestmark = pytest.mark.slow

SETTINGS = """
name = "shades"
schema = "{folder}/shades.pbtxt"
[ingest]
folder = "{folder}/shades"
[train]
network = "tests.components.training_parts:tiny"
epochs = 10
batch_size = 8
[evaluate]
min_accuracy = 0.9
max_log_loss = 1.0
"""


def colour_image(channel: int, seed: int) -> bytes:
    """A PNG of 20 x 16 pixels, noisy, with one channel far above the others."""
    pixels = np.random.default_rng(seed).integers(0, 60, (20, 16, 3), np.uint8)
    pixels[:, :, channel] += 180
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    for split, count in (("train", 40), ("test", 10)):
        for label, channel in (("red", 0), ("green", 1), ("blue", 2)):
            folder = tmp_path / "shades" / split / label
            folder.mkdir(parents=True)
            for number in range(count):
                (folder / f"{number}.png").write_bytes(colour_image(channel, number))
    file = tmp_path / "shades.toml"
    file.write_text(SETTINGS.format(folder=tmp_path))
    return file


def test_images_by_class_become_a_served_model_once_a_person_has_reviewed_a_schema(
    settings: Path, tmp_path: Path
) -> None:
    user = User(tmp_path / "home")
    first = user.slipline("run", str(settings))
    assert first.returncode == 1
    assert f"{tmp_path}/shades.pbtxt" in first.stdout
    proposed = user.slipline("schema", "infer", "--to", f"{tmp_path}/shades.pbtxt")
    assert proposed.returncode == 0, proposed.stderr
    run = user.slipline("run", str(settings))
    assert run.returncode == 0, run.stdout + run.stderr
    assert "released shades version 1" in run.stdout
    image = colour_image(2, seed=99)
    with SavedModel.load(user.home / "releases" / "shades" / "1") as model:
        answer = model.run({"encoded": np.array([image], object)}, "serving_images")
    assert answer["class"].tolist() == [0]
    lineage = json.loads(user.slipline("lineage", "shades@1", "--json").stdout)
    assert {"Schema"} == {
        taken["artifact_type"] for made in lineage for taken in made["taken"] if not taken["execution_id"]
    }
