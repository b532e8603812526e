from pathlib import Path

import numpy as np
import pytest

from slipline.serving.errors import DataLoss
from slipline.serving.folders.prediction_log import read_predict_requests, write_predict_requests
from slipline.serving.wire import serving_pb2
from slipline.serving.wire.tensors import to_proto


def request(value: float) -> serving_pb2.PredictRequest:
    return serving_pb2.PredictRequest(inputs={"x": to_proto(np.array([value], np.float32), packed=True)})


def test_requests_come_back_as_they_were_written(tmp_path: Path) -> None:
    written = [request(number) for number in range(3)]
    write_predict_requests(tmp_path / "requests", written)
    assert list(read_predict_requests(tmp_path / "requests")) == written
    assert [path.name for path in tmp_path.iterdir()] == ["requests"]


def test_a_thousand_requests_are_read_at_most(tmp_path: Path) -> None:
    write_predict_requests(tmp_path / "requests", [request(1.0)] * 1001)
    assert len(read_predict_requests(tmp_path / "requests")) == 1000


@pytest.mark.parametrize("cut", [5, 20])
def test_a_file_cut_off_is_named_with_the_record(cut: int, tmp_path: Path) -> None:
    file = tmp_path / "requests"
    write_predict_requests(file, [request(1.0), request(2.0)])
    file.write_bytes(file.read_bytes()[:-cut])
    with pytest.raises(DataLoss, match=r"requests: record 1 is cut off or no PredictionLog; wanted a TFRecord file"):
        read_predict_requests(file)


@pytest.mark.parametrize("content", [b"not a TFRecord", b"\xff" * 100])
def test_another_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "requests").write_bytes(content)
    with pytest.raises(DataLoss, match="record 0 is cut off or no PredictionLog"):
        read_predict_requests(tmp_path / "requests")


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataLoss, match="recorded requests cannot be read: No such file"):
        read_predict_requests(tmp_path / "requests")
