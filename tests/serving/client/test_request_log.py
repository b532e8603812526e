"""Samples of calls in files that a server can be warmed up with."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.serving.client import ClientSettings, RequestLog
from slipline.serving.errors import LoadFailed
from slipline.serving.folders.prediction_log import WARM_UP_FILE
from slipline.serving.wire import serving_pb2
from slipline.serving.wire.tensors import to_array
from slipline.serving.wire.tfrecord import crc32c, framed

X = np.array([1, 2], "float32")
PREDICT = "/tensorflow.serving.PredictionService/Predict"


def records(file: Path) -> list[serving_pb2.PredictionLog]:
    """Those of a file, by their lengths."""
    content, position, found = file.read_bytes(), 0, []
    while position < len(content):
        size = int.from_bytes(content[position : position + 8], "little")
        record = content[position + 12 : position + 12 + size]
        assert content[position : position + 16 + size] == framed(record)
        found.append(serving_pb2.PredictionLog.FromString(record))
        position += 16 + size
    return found


def test_log_holds_requests_with_their_answers(client_of: Callable[..., Any], serve: Any, tmp_path: Path) -> None:
    with RequestLog(tmp_path, share=1.0) as log:
        client = client_of(serve().address, settings=ClientSettings(request_log=log))
        client.predict({"x": X})
        client.predict({"x": 3 * X}, version=1)
    first, second = records(tmp_path / "000001.tfrecord")
    assert to_array(first.predict_log.request.inputs["x"]).tolist() == [1, 2]
    assert to_array(first.predict_log.response.outputs["y"]).tolist() == [2, 4]
    assert second.predict_log.request.model_spec.version.value == 1
    assert log.dropped == 0


def test_share_of_the_calls_is_drawn(tmp_path: Path) -> None:
    with RequestLog(tmp_path, share=0.2, seed=1) as log:
        for _ in range(1000):
            log.offer(PREDICT, b"", b"")
            log.offer("/tensorflow.serving.ModelService/GetModelStatus", b"", b"")
    assert 150 < len(records(tmp_path / "000001.tfrecord")) < 250


def test_files_are_bounded_and_the_oldest_go_first(tmp_path: Path) -> None:
    for number in range(2):  # a second log goes on where the first ended
        with RequestLog(tmp_path, share=1.0, max_files=3, records_per_file=10) as log:
            for _ in range(25):
                log.offer(PREDICT, b"", b"")
        assert [len(records(file)) for file in sorted(tmp_path.iterdir())] == [10, 10, 5]
        assert (tmp_path / "000001.tfrecord").exists() == (number == 0)


def test_what_finds_no_room_is_dropped_and_counted(tmp_path: Path) -> None:
    with RequestLog(tmp_path, share=1.0, max_queued_bytes=100) as log:
        log.offer(PREDICT, bytes(101), b"")
        assert log.dropped == 1
    log.offer(PREDICT, b"", b"")
    assert log.dropped == 2


def test_folder_that_goes_away_costs_records_and_no_call(tmp_path: Path) -> None:
    with RequestLog(tmp_path / "gone", share=1.0) as log:
        shutil.rmtree(tmp_path / "gone")
        log.offer(PREDICT, b"", b"")
    assert log.dropped == 1


@given(data=st.binary(max_size=300))
def test_checksum_is_that_of_the_fast_package(data: bytes) -> None:
    assert crc32c(data) == google_crc32c.value(data)


@pytest.mark.parametrize("bounds", [{"share": 1.1}, {"max_files": 0}, {"records_per_file": 0}])
def test_bounds_that_are_none_are_refused(bounds: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be"):
        RequestLog(tmp_path, **bounds)


@pytest.mark.slow
def test_log_is_a_warm_up_file(
    client_of: Callable[..., Any], start: Any, scalers: Path, tmp_path: Path, tf: Any
) -> None:
    """TensorFlow reads it, and a server loads a model with it, whatever was asked."""
    served = start(model_name="scaler", model_base_path=str(scalers))
    with RequestLog(tmp_path / "log", share=1.0) as log:
        client = client_of(served.address, "scaler", settings=ClientSettings(request_log=log))
        client.wait_until_available()
        client.predict({"x": X})
        client.predict({"name": ["you"]}, signature="greet")
    file = tmp_path / "log" / "000001.tfrecord"
    assert len(list(tf.data.TFRecordDataset(str(file)))) == 2
    warm = tmp_path / "warm" / "1"
    shutil.copytree(scalers / "1", warm)
    (warm / WARM_UP_FILE).parent.mkdir(exist_ok=True)
    shutil.copy(file, warm / WARM_UP_FILE)
    again = client_of(start(model_name="scaler", model_base_path=str(warm.parent)).address, "scaler")
    assert again.wait_until_available() == 1
    (warm / WARM_UP_FILE).write_bytes(file.read_bytes()[:-1])
    spoilt = client_of(start(model_name="scaler", model_base_path=str(warm.parent)).address, "scaler")
    with pytest.raises(LoadFailed, match="cut off or corrupt"):
        spoilt.wait_until_available()
