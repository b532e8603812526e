from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from slipline.serving.models.tensorflow.thread_choice import ThreadChoice, is_small
from slipline.serving.wire import saved_model_pb2, tensor_pb2


def save(folder: Path, sizes: list[int], *, dtype: int = tensor_pb2.DT_FLOAT, weights_bytes: int = 0) -> Path:
    """No model that runs, but one whose signature can be read."""
    dims = [tensor_pb2.TensorShapeProto.Dim(size=size) for size in sizes]
    info = saved_model_pb2.TensorInfo(name="x:0", dtype=dtype, tensor_shape=tensor_pb2.TensorShapeProto(dim=dims))
    model = saved_model_pb2.SavedModel()
    graph = model.meta_graphs.add()
    graph.meta_info_def.tags.append("serve")
    graph.signature_def["serving_default"].inputs["x"].CopyFrom(info)
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(model.SerializeToString())
    with (folder / "weights").open("wb") as file:
        file.truncate(weights_bytes)
    return folder


def test_model_of_small_rows_and_few_weights_is_small(tmp_path: Path) -> None:
    assert is_small(save(tmp_path / "1", [-1, 28, 28, 1]))


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: save(folder, [-1, 224, 224, 3]),
        lambda folder: save(folder, [-1, -1]),
        lambda folder: save(folder, [-1], dtype=tensor_pb2.DT_STRING),
        lambda folder: save(folder, [-1, 28, 28, 1], weights_bytes=100 << 20),
        lambda folder: folder,
    ],
    ids=["large rows", "rows of any size", "strings", "many weights", "no model"],
)
def test_other_models_are_not(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    assert not is_small(make(tmp_path / "1"))


def test_first_model_decides_for_all_and_a_later_one_that_would_have_it_otherwise_is_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    small, large = save(tmp_path / "1", [-1, 4]), save(tmp_path / "2", [-1, 1 << 20])
    first_small, first_large = ThreadChoice(cores=8), ThreadChoice(cores=8)
    assert [first_small.threads(small), first_small.threads(large)] == [1, 1]
    assert "--tensorflow_intra_op_parallelism" in caplog.text
    assert [first_large.threads(large), first_large.threads(small)] == [8, 8]
