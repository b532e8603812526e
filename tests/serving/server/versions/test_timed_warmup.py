"""Recorded requests that hang."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slipline.serving.client.control import ServerControl
from slipline.serving.errors import DeadlineExceeded, LoadFailed
from slipline.serving.folders.model_config import ServedModel, write_config
from slipline.serving.folders.prediction_log import WARM_UP_FILE
from slipline.serving.models.loaded_model import LoadedModel
from slipline.serving.models.tensorflow.saved_model import SavedModel
from slipline.serving.server.methods.methods import Methods
from slipline.serving.server.process import Server
from slipline.serving.server.versions.warmup import WarmUps
from slipline.serving.wire import serving_pb2
from slipline.serving.wire.tensors import Array, to_proto
from slipline.serving.wire.tfrecord import framed
from tests.serving.conftest import until

ENDLESS = np.array(2**40)


def counting(folder: Path, *steps: Array) -> Path:
    """Records requests to count up to each of `steps`."""
    (folder / WARM_UP_FILE).parent.mkdir(exist_ok=True)
    spec = serving_pb2.ModelSpec(signature_name="count")
    requests = [serving_pb2.PredictRequest(model_spec=spec, inputs={"steps": to_proto(each)}) for each in steps]
    logs = [serving_pb2.PredictionLog(predict_log=serving_pb2.PredictLog(request=each)) for each in requests]
    (folder / WARM_UP_FILE).write_bytes(b"".join(framed(log.SerializeToString()) for log in logs))
    return folder


@pytest.fixture
def copied(scalers: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(scalers / "1", tmp_path / "hanging" / "1"))


def replaying() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("warm-up")]


def test_request_that_hangs_fails_its_version_in_time_and_nothing_else(
    start: Callable[..., Server], connect: Callable[..., Any], copied: Path, scalers: Path, tmp_path: Path
) -> None:
    """It says which request it was and what to do, and its run is over."""
    counting(copied, np.array(1), ENDLESS)
    models = {"hanging": copied.parent, "scaler": scalers}
    config = tmp_path / "models.config"
    write_config(config, [ServedModel(name=name, base_path=str(base), versions=(1,)) for name, base in models.items()])
    server = start(model_config_file=str(config), warmup_time_limit_seconds=0.5, num_load_threads=1)
    assert connect(server.address).wait_until_available() == 1
    with ServerControl(server.address) as control:
        until(lambda: control.given_up("hanging"))
        (status,) = control.status("hanging")
    assert status.error_code == 4
    assert "not warm after 0.5 s, in request 1 of assets.extra/tf_serving_warmup_requests" in status.error_message
    assert "raise --warmup_time_limit_seconds" in status.error_message
    assert replaying() == []
    assert connect(server.address).predict({"x": np.float32([1])}).outputs["y"] == [10]


class Stuck(LoadedModel):
    """A real model whose runs take until it is opened, whoever interrupts them."""

    def __init__(self, model: SavedModel) -> None:
        super().__init__(model.folder, model.signatures)
        self._model = model
        self.open, self.closed = threading.Event(), threading.Event()

    def compute(self, feeds: Mapping[str, Array], fetches: Sequence[str]) -> dict[str, Array]:
        assert self.open.wait(60)
        return self._model.compute(feeds, fetches)

    def close(self) -> None:
        self._model.close()
        self.closed.set()


def test_run_that_cannot_be_ended_is_left_behind_once(copied: Path) -> None:
    """The version is not loaded again beside it; its memory is free when it ends."""
    ended: list[tuple[str, int]] = []
    warm_ups = WarmUps(
        Methods(),
        time_limit_s=0.05,
        interrupt_s=0.05,
        on_end=lambda folder, status, records, seconds: ended.append((status, records)),
    )
    model = Stuck(SavedModel.load(counting(copied, np.array(3))))
    with pytest.raises(LoadFailed, match="still runs, and keeps its memory until it ends") as caught:
        warm_ups.warm_up(model)
    assert isinstance(caught.value.__cause__, DeadlineExceeded)
    assert (ended, warm_ups.are_over, model.closed.is_set()) == ([("DEADLINE_EXCEEDED", 0)], False, False)
    with pytest.raises(LoadFailed, match="its last warm-up still runs"):
        warm_ups.check(copied)
    model.open.set()
    assert model.closed.wait(60)
    until(lambda: warm_ups.are_over)
    warm_ups.check(copied)


def test_warm_up_that_ends_in_time_leaves_the_model_open(copied: Path) -> None:
    ended: list[tuple[str, int]] = []
    warm_ups = WarmUps(
        Methods(), time_limit_s=60, on_end=lambda folder, status, records, seconds: ended.append((status, records))
    )
    with SavedModel.load(counting(copied, np.array(3), np.array(4))) as model:
        warm_ups.warm_up(model)
        assert model.run({"steps": np.array(5)}, "count")["counted"] == 5
    assert ended == [("OK", 2)]
