from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from slipline.serving.errors import BadRequest, LoadFailed
from slipline.serving.models.loaded_model import SignatureNotFound
from slipline.serving.models.tensorflow.native import Threads
from slipline.serving.models.tensorflow.saved_model import SavedModel
from slipline.serving.wire import saved_model_pb2
from slipline.serving.wire.tensors import to_proto

ROOT = Path(__file__).parents[4]
X = np.array([1, 2], "float32")


@pytest.fixture(scope="module")
def model(scalers: Path) -> Iterator[SavedModel]:
    with SavedModel.load(scalers / "1") as model:
        yield model


@pytest.fixture
def copied(scalers: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(scalers / "1", tmp_path / "copied"))


def test_run_gives_every_output_by_name(model: SavedModel) -> None:
    outputs = model.run({"x": X})
    assert sorted(outputs) == ["count", "y"]
    assert outputs["y"].dtype == np.float32
    assert outputs["y"].tolist() == [10, 20]
    assert outputs["count"] == 2


def test_run_gives_only_the_outputs_asked_for(model: SavedModel) -> None:
    assert list(model.run({"x": X}, outputs=["count"])) == ["count"]


def test_strings_go_in_and_come_out_as_bytes(model: SavedModel) -> None:
    names = np.array([b"", b"\x00\xff", b"long " * 1000], object)
    outputs = model.run({"name": names}, "greet")
    assert outputs["greeting"].tolist() == [b"hello " + name for name in names]
    assert outputs["same"].tolist() == names.tolist()


def test_string_outputs_outlive_many_runs(model: SavedModel) -> None:
    """Their memory is not the inputs', which is given back after each run."""
    kept = [model.run({"name": np.array([b"x" * size], object)}, "greet")["same"][0] for size in range(200)]
    assert kept == [b"x" * size for size in range(200)]


def test_empty_batch_is_answered(model: SavedModel) -> None:
    assert model.run({"x": X[:0]})["y"].shape == (0,)
    assert model.run({"name": np.array([], object)}, "greet")["greeting"].shape == (0,)


def test_shapes_are_not_checked_against_the_signature(model: SavedModel) -> None:
    """As in TensorFlow Serving: clients send what the operations take."""
    assert model.run({"x": np.float32([[1, 2], [3, 4]])})["y"].tolist() == [[10, 20], [30, 40]]


@pytest.mark.parametrize(
    ("inputs", "signature", "outputs", "words"),
    [
        (["x"], "nix", [], 'Serving signature key "nix" not found.'),
        ([], "serving_default", [], "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. "),
        (["a", "x"], "serving_default", [], "Sent extra: {a}. Missing but required: {}."),
        (["a"], "serving_default", [], "Signature input alias: x(feed name: serving_default_x:0) not found in request"),
        (
            ["x"],
            "serving_default",
            ["z"],
            "output tensor alias not found in signature: z Outputs expected to be in the",
        ),
        (["x"], "serving_default", ["y", "y"], "duplicate output tensor alias: y"),
    ],
)
def test_request_that_the_signature_does_not_take_is_refused(
    model: SavedModel, inputs: list[str], signature: str, outputs: list[str], words: str
) -> None:
    with pytest.raises(BadRequest) as caught:
        model.run(dict.fromkeys(inputs, X), signature, outputs)
    assert words in str(caught.value)
    assert isinstance(caught.value, SignatureNotFound) == (signature == "nix")


def test_wrong_dtype_is_refused_in_tensorflows_words(model: SavedModel) -> None:
    with pytest.raises(BadRequest, match=r"Expects arg\[0\] to be float but int64 is provided"):
        model.run({"x": np.array([1])})


def test_failed_operation_is_refused_with_its_node(model: SavedModel) -> None:
    with pytest.raises(BadRequest, match=r"(?s)x must be small.*\{\{node "):
        model.run({"x": np.float32([11])}, "picky")


def test_missing_input_is_filled_from_the_signatures_defaults(copied: Path) -> None:
    file = copied / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    saved.meta_graphs[0].signature_def["serving_default"].defaults["x"].CopyFrom(to_proto(X))
    file.write_bytes(saved.SerializeToString())
    with SavedModel.load(copied) as model:
        assert model.run({})["y"].tolist() == [10, 20]
        assert model.run({"x": X[:1]})["y"].tolist() == [10]
        with pytest.raises(BadRequest, match="Inputs contains invalid name"):
            model.run({"z": X})


def test_runs_from_many_threads_do_not_mix_up_their_answers(model: SavedModel) -> None:
    def answer(number: int) -> bool:
        y = model.run({"x": np.float32([number])})["y"]
        greeting = model.run({"name": np.array([str(number)], object)}, "greet")["greeting"]
        return bool(y[0] == 10 * number and greeting[0] == f"hello {number}".encode())

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(answer, range(400)))


def test_model_runs_with_a_thread_pool_of_its_own(scalers: Path) -> None:
    with SavedModel.load(scalers / "2", threads=Threads(intra_op=1, inter_op=2)) as model:
        assert model.run({"x": X})["y"].tolist() == [20, 40]


def test_model_of_another_format_has_unknown_words_in_its_error(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"\xff\xff\xff")
    with pytest.raises(LoadFailed, match="cut off or corrupt"):
        SavedModel.load(tmp_path)


def test_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadFailed, match=r"Could not find SavedModel .pb or .pbtxt at supplied export directory"):
        SavedModel.load(tmp_path)


def test_model_for_another_purpose_is_refused(copied: Path) -> None:
    file = copied / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    saved.meta_graphs[0].meta_info_def.tags[:] = ["train"]
    file.write_bytes(saved.SerializeToString())
    with pytest.raises(LoadFailed, match=r"Could not find meta graph def matching supplied tags: \{ serve \}.*train"):
        SavedModel.load(copied)


def remove_variables(folder: Path) -> None:
    shutil.rmtree(folder / "variables")


def remove_index(folder: Path) -> None:
    (folder / "variables" / "variables.index").unlink()


def remove_data(folder: Path) -> None:
    (folder / "variables" / "variables.data-00000-of-00001").unlink()


def cut_data(folder: Path) -> None:
    data = folder / "variables" / "variables.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:2])


def cut_index(folder: Path) -> None:
    index = folder / "variables" / "variables.index"
    index.write_bytes(index.read_bytes()[:-20])


def cut_graph(folder: Path) -> None:
    graph = folder / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:-20])


@pytest.mark.parametrize("damage", [remove_variables, remove_index, remove_data, cut_data, cut_index, cut_graph])
def test_half_copied_model_is_refused(copied: Path, damage: Any) -> None:
    damage(copied)
    with pytest.raises(LoadFailed, match=str(copied)):
        SavedModel.load(copied)


def test_model_without_variables_needs_no_files_for_them(tf: ModuleType, tmp_path: Path) -> None:
    """Nor a folder; TensorFlow 1 leaves an empty one."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, name="x")
        tf.compat.v1.saved_model.simple_save(session, str(tmp_path / "1"), {"x": x}, {"y": x + 1})
    for remove in (False, True):
        if remove:
            shutil.rmtree(tmp_path / "1" / "variables", ignore_errors=True)
        with SavedModel.load(tmp_path / "1") as model:
            assert model.run({"x": np.float32(1)})["y"] == 2


def test_model_runs_in_a_process_that_never_imports_tensorflow(scalers: Path) -> None:
    code = f"""
import sys, numpy
from pathlib import Path
from slipline.serving.models.tensorflow.saved_model import SavedModel
with SavedModel.load(Path({str(scalers)!r}) / "2") as model:
    print(model.run({{"x": numpy.float32([1])}})["y"].tolist(), "tensorflow" in sys.modules)
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("[20.0] False\n", "")


def test_sets_of_outputs_asked_for_cannot_fill_the_memory(tf: ModuleType, tmp_path: Path) -> None:
    """Beyond a hundred sets all outputs are computed, and those not asked for dropped."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, [None])
        outputs = {f"y{number}": x + number for number in range(8)}
        tf.compat.v1.saved_model.simple_save(session, str(tmp_path / "1"), {"x": x}, outputs)
    with SavedModel.load(tmp_path / "1") as model:
        for number in range(1, 256):
            asked = [f"y{bit}" for bit in range(8) if number >> bit & 1]
            answer = model.run({"x": X}, outputs=asked)
            assert {name: array.tolist() for name, array in answer.items()} == {
                name: [1 + int(name[1]), 2 + int(name[1])] for name in asked
            }
