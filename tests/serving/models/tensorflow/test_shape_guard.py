"""Inputs of shapes for which a model was not made, against a model that was not made by us."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import numpy as np
import pytest

from slipline.serving.client import ClientSettings, PredictClient
from slipline.serving.errors import BadRequest, ServingError
from slipline.serving.models.tensorflow.saved_model import SavedModel
from tests.serving.models.shape_models import save_unguarded

ROOT = Path(__file__).parents[4]
NO_IMAGES = [(), (1,), (784,), (2, 784), (28, 28), (3, 28, 28), (28, 28, 1), (1, 1, 28, 28, 1), (1, 28, 28, 3)]


@pytest.fixture(scope="module")
def unguarded(tf: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unguarded")
    save_unguarded(tf, folder / "1")
    return folder


@pytest.fixture(scope="module")
def model(unguarded: Path) -> Iterator[SavedModel]:
    with SavedModel.load(unguarded / "1") as model:
        yield model


def zeros(*shape: int) -> dict[str, Any]:
    return {"x": np.zeros(shape, "float32")}


@pytest.mark.slow
def test_tensorflow_itself_answers_no_wrong_rank_and_may_end_the_process_over_it(unguarded: Path) -> None:
    """Not every build does. If none does any more, `slipline.serving.models.tensorflow.shape_guard` may go."""
    code = f"""
import numpy
from pathlib import Path
from slipline.serving.models.tensorflow.native import Session, Threads
from slipline.serving.models.tensorflow.saved_model import SavedModel
folder = Path({str(unguarded / "1")!r})
with SavedModel.load(folder) as model:
    output = model.signature("conv").outputs["y"].name
session = Session.load(folder, ["serve"], Threads())
print(session.run({{"conv_x:0": numpy.zeros([1, 28, 28, 1], "float32")}}, [output])[0].shape, flush=True)
session.run({{"conv_x:0": numpy.zeros([2, 784], "float32")}}, [output])
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert ended.stdout == b"(1, 28, 28, 2)\n"
    assert ended.returncode < 0 or b"TensorFlowError: convolution input must be 4-dimensional" in ended.stderr


@pytest.mark.parametrize("signature", ["conv", "any", "branch", "loop"])
@pytest.mark.parametrize("shape", NO_IMAGES, ids=str)
def test_shape_that_a_convolution_does_not_take_is_refused(
    model: SavedModel, signature: str, shape: Sequence[int]
) -> None:
    with pytest.raises(BadRequest, match="the model's operations do not take inputs of shape"):
        model.run(zeros(*shape), signature)
    assert model.run(zeros(1, 28, 28, 1), signature)["y"].shape[:3] == (1, 28, 28)


def test_refusal_says_what_came_and_what_the_model_was_made_for(model: SavedModel) -> None:
    with pytest.raises(BadRequest) as caught:
        model.run(zeros(2, 784), "conv")
    assert "{conv_x:0: [2, 784]}, it was made for {conv_x:0: [?, 28, 28, 1]}: " in str(caught.value)
    assert "Shape must be rank 4 but is rank 2" in str(caught.value)


@pytest.mark.parametrize(
    ("signature", "shape", "answered"),
    [
        ("double", (1,), (1,)),
        ("double", (), ()),
        ("double", (2, 3), (2, 3)),
        ("double", (0, 1), (0, 1)),
        ("affine", (0, 4), (0, 2)),
        ("conv", (1, 5, 6, 1), (1, 5, 6, 2)),
        ("any", (1, 5, 6, 1), (1, 5, 6, 2)),
        ("any_size", (1, 5, 6, 1), (1, 2, 3, 1)),
        ("reshaped", (2, 784), (2, 28, 28, 2)),
        ("split", (3, 4), (3, 2)),
        ("split", (3, 4, 1), (3, 2, 2)),
    ],
)
def test_shape_is_taken_where_the_operations_take_it(
    model: SavedModel, signature: str, shape: Sequence[int], answered: Sequence[int]
) -> None:
    """Whatever the signature says, as in TensorFlow Serving."""
    assert model.run(zeros(*shape), signature)["y"].shape == answered


def test_size_that_leaves_nothing_to_compute_is_refused(model: SavedModel) -> None:
    with pytest.raises(BadRequest, match="Negative dimension size"):
        model.run(zeros(1, 1, 1, 1), "any_size")


def test_inputs_that_do_not_fit_one_another_are_refused(model: SavedModel) -> None:
    inputs = {"x": np.ones((2, 5), "float32"), "w": np.ones((4, 3), "float32")}
    with pytest.raises(BadRequest, match="Dimensions must be equal"):
        model.run(inputs, "fed_twice", ["product"])


def test_wrong_dtype_is_refused_as_such_whatever_the_shape(model: SavedModel) -> None:
    with pytest.raises(BadRequest, match=r"Expects arg\[0\] to be float but int64 is provided"):
        model.run({"x": np.zeros((2, 784), "int64")}, "conv")


def test_verdicts_are_the_same_from_many_threads(model: SavedModel) -> None:
    def ask(size: int) -> str:
        try:
            return str(model.run(zeros(*[1] * (size % 7)), "conv")["y"].shape)
        except ServingError as error:
            return type(error).__name__

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(700)))
    assert answers == [("(1, 1, 1, 2)" if size % 7 == 4 else "BadRequest") for size in range(700)]


def test_tensorflow_1_model_is_guarded_too(tf: ModuleType, tmp_path: Path) -> None:
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, [None, 28, 28, 1])
        kernel = tf.compat.v1.Variable(tf.ones([3, 3, 1, 2]), use_resource=False)
        y = tf.nn.max_pool2d(tf.nn.conv2d(x, kernel, 1, "SAME"), 2, 2, "SAME")
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.saved_model.simple_save(session, str(tmp_path / "1"), {"x": x}, {"y": y})
    with SavedModel.load(tmp_path / "1") as model:
        for shape in NO_IMAGES:
            with pytest.raises(BadRequest, match="the model's operations do not take inputs of shape"):
                model.run(zeros(*shape))
        assert model.run(zeros(1, 28, 28, 1))["y"].shape == (1, 14, 14, 2)


def test_keras_model_exported_without_a_guard_is_guarded(tf: ModuleType, tmp_path: Path) -> None:
    import keras

    layers = [
        keras.layers.Conv2D(2, 3),
        keras.layers.BatchNormalization(),
        keras.layers.Flatten(),
        keras.layers.Dense(3),
    ]
    keras.Sequential([keras.Input((28, 28, 1)), *layers]).export(tmp_path / "1", verbose=False)
    with SavedModel.load(tmp_path / "1") as model:
        (name,) = model.signature("serving_default").inputs
        for shape in NO_IMAGES:
            with pytest.raises(BadRequest, match="the model's operations do not take inputs of shape"):
                model.run({name: np.zeros(shape, "float32")})
        ((_, output),) = model.run({name: np.zeros((2, 28, 28, 1), "float32")}).items()
        assert output.shape == (2, 3)


@pytest.mark.slow
def test_server_process_outlives_inputs_of_wrong_rank(
    start_process: Callable[..., Any], connect: Callable[..., PredictClient], unguarded: Path
) -> None:
    process = start_process("--model_name=raw", f"--model_base_path={unguarded}")
    client = connect(process.address, "raw", ClientSettings(check_signature=False))
    client.wait_until_available()
    for shape in NO_IMAGES:
        with pytest.raises(BadRequest, match="it was made for") as caught:
            client.predict(zeros(*shape), signature="conv")
        assert isinstance(caught.value.__cause__, grpc.RpcError)
        assert caught.value.__cause__.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert client.predict(zeros(1, 28, 28, 1), signature="conv").outputs["y"].shape == (1, 28, 28, 2)
    assert process.process.poll() is None
