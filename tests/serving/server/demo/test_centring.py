"""`centring.js`, run in Node, beside NumPy, and on pictures of MNIST itself."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from slipline.serving.server.demo.site import STATIC
from slipline.serving.wire.example_pb2 import Example
from tests.serving.server.demo.mnist_like import centred as wanted
from tests.small_mnist import first_records

Picture = NDArray[np.float32]

ASK = """
import { centred } from "./centring.mjs";
import { readFileSync } from "node:fs";
const inks = JSON.parse(readFileSync(0));
const answers = inks.map((ink) => centred({ ...ink, values: Float32Array.from(ink.values) }));
console.log(JSON.stringify(answers.map((answer) => answer && [...answer])));
"""


def centred(folder: Path, pictures: list[Picture]) -> list[NDArray[np.uint8] | None]:
    """What the page makes of each picture; None where it finds no ink."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("wants Node")
    shutil.copy(STATIC / "centring.js", folder / "centring.mjs")
    (folder / "ask.mjs").write_text(ASK)
    inks = [{"values": each.ravel().tolist(), "width": each.shape[1], "height": each.shape[0]} for each in pictures]
    asked = subprocess.run(
        [node, folder / "ask.mjs"], input=json.dumps(inks), capture_output=True, text=True, check=True, cwd=folder
    )
    return [None if each is None else np.array(each, np.uint8).reshape(28, 28) for each in json.loads(asked.stdout)]


def scribbles(count: int) -> list[Picture]:
    """Pictures of all sizes and proportions with uneven blots of ink, none of them symmetrical."""
    random = np.random.default_rng(7)
    pictures = []
    for _ in range(count):
        height, width = random.integers(1, 130, 2)
        picture = np.zeros((height, width), np.float32)
        for _ in range(random.integers(1, 6)):
            top, left = random.integers(0, height), random.integers(0, width)
            blot = picture[top : top + random.integers(1, 80), left : left + random.integers(1, 80)]
            blot[:] = random.uniform(0.05, 1, blot.shape)
        pictures.append(picture)
    return pictures


def digits(count: int) -> list[NDArray[np.uint8]]:
    """The first digits of MNIST's training split."""
    examples = map(Example.FromString, first_records("train", count))
    encoded = [example.features.feature["image"].bytes_list.value[0] for example in examples]
    return [np.asarray(Image.open(io.BytesIO(each))) for each in encoded]


def test_it_scales_and_centres_as_numpy_does(tmp_path: Path) -> None:
    pictures = scribbles(60)
    for picture, found in zip(pictures, centred(tmp_path, pictures), strict=True):
        assert found is not None
        np.testing.assert_allclose(found, wanted(picture), atol=0.51)


def test_it_leaves_the_digits_of_mnist_as_they_are(tmp_path: Path) -> None:
    originals = digits(100)
    found = centred(tmp_path, [each.astype(np.float32) / 255 for each in originals])
    np.testing.assert_array_equal(np.stack([each for each in found if each is not None]), np.stack(originals))


def test_without_ink_there_is_no_picture(tmp_path: Path) -> None:
    assert centred(tmp_path, [np.zeros((5, 7), np.float32)]) == [None]
