"""Servers, as processes of their own, of versions that have a TFLite model."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest

from slipline.serving.client import PredictClient
from slipline.serving.errors import BadRequest, ServingError
from slipline.serving.wire import serving_pb2
from slipline.serving.wire.tensors import to_proto
from tests.serving.models.tflite_models import GraphSpec, save, tflite_bytes
from tests.serving.server.versions.test_warmup import recorded, write_warmup

X = np.array([[1, 2]], "float32")
ADDING = GraphSpec(signature="serving_default")


def predict_when_up(client: PredictClient, inputs: dict[str, Any], version: int | None = None) -> Any:
    """The answer of a server that may still be loading."""
    deadline_s = time.monotonic() + 60
    while True:
        try:
            return client.predict(inputs, version=version)
        except BadRequest:
            raise
        except ServingError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_tflite_models_are_served_by_grpc_and_rest_without_tensorflow(
    start_process: Callable[..., Any], connect: Callable[..., PredictClient], base: Path
) -> None:
    """Neither its Python package nor its libraries are loaded; a wrong shape is the client's mistake."""
    save(base / "1", tflite_bytes(ADDING))
    port = free_port()
    flags = ["--model_name=scaler", f"--model_base_path={base}", f"--rest_api_port={port}"]
    process = start_process(*flags, "--prefer_tflite_model", "--num_tflite_pools=2")
    client = connect(process.address)
    assert predict_when_up(client, {"a": X, "b": X}).outputs["sum"].tolist() == [[2, 4]]
    request = serving_pb2.PredictRequest(inputs={"a": to_proto(np.zeros((1, 3), "float32")), "b": to_proto(X)})
    request.model_spec.name = "scaler"
    with grpc.insecure_channel(process.address) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/tensorflow.serving.PredictionService/Predict")(request.SerializeToString(), timeout=30)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "the model takes shape [?, 2], got [1, 3]" in caught.value.details()

    url = f"http://127.0.0.1:{port}/v1/models/scaler"
    with httpx.Client(trust_env=False, timeout=30) as rest:
        rows = {"instances": [{"a": [1, 2], "b": [3, 4]}, {"a": [0, 0], "b": [5, 5]}]}
        assert rest.post(f"{url}:predict", json=rows).json() == {"predictions": [[4.0, 6.0], [5.0, 5.0]]}
        wrong = rest.post(f"{url}:predict", json={"inputs": {"a": [[1, 2, 3]], "b": [[1, 2, 3]]}})
        assert (wrong.status_code, "got [1, 3]" in wrong.json()["error"]) == (400, True)
        metadata = rest.get(f"{url}/metadata").json()["metadata"]["signature_def"]["signature_def"]
        assert sorted(metadata["serving_default"]["inputs"]) == ["a", "b"]

    mapped = Path(f"/proc/{process.process.pid}/maps").read_text()
    assert "libtensorflow" not in mapped
    assert "site-packages/tensorflow/" not in mapped


def test_versions_with_and_without_a_tflite_model_follow_each_other(
    start_process: Callable[..., Any],
    connect: Callable[..., PredictClient],
    publish: Callable[[int], Path],
    base: Path,
    tmp_path: Path,
) -> None:
    """Version 1 is a SavedModel, 10 times its input; 3 gives its input back and is TFLite; 2 is a SavedModel again."""
    publish(1)
    flags = ["--model_name=scaler", f"--model_base_path={base}", "--file_system_poll_wait_seconds=0.05"]
    client = connect(start_process(*flags, "--prefer_tflite_model").address)
    x = np.array([3], "float32")
    assert predict_when_up(client, {"x": x}).outputs["y"].tolist() == [30]
    save(tmp_path / "aside", tflite_bytes(GraphSpec(inputs=("x",), operation=None, row=()))).rename(base / "3")
    assert predict_when_up(client, {"x": x}, version=3).outputs["x"].tolist() == [3]
    publish(2)
    (base / "3").rename(tmp_path / "withdrawn")
    assert predict_when_up(client, {"x": x}, version=2).outputs["y"].tolist() == [60]


def test_warm_up_requests_are_run_on_a_tflite_model(
    start: Callable[..., Any], connect: Callable[..., PredictClient], base: Path, tmp_path: Path
) -> None:
    """A model that does not take its own is not served."""
    for version, sent in ((1, X), (2, np.zeros((1, 7), "float32"))):
        folder = save(tmp_path / f"{version}", tflite_bytes(ADDING))
        request = serving_pb2.PredictRequest(inputs={"a": to_proto(sent), "b": to_proto(sent)})
        log = serving_pb2.PredictionLog(predict_log=serving_pb2.PredictLog(request=request))
        write_warmup(folder, recorded(log))
        folder.rename(base / f"{version}")
    server = start(
        model_name="scaler", model_base_path=str(base), prefer_tflite_model=True, file_system_poll_wait_seconds=0.05
    )
    statuses = connect(server.address)
    with pytest.raises(ServingError, match="Servable not found"):
        statuses.predict({"a": X, "b": X}, version=2)
    (base / "2").rename(tmp_path / "withdrawn")
    assert predict_when_up(statuses, {"a": X, "b": X}).outputs["sum"].tolist() == [[2, 4]]
