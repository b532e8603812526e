from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import grpc
import numpy as np
import pytest

from slipline.serving.client import PredictClient
from slipline.serving.errors import (
    BadRequest,
    DeadlineExceeded,
    LoadFailed,
    ModelNotFound,
    ServerUnavailable,
    VersionNotReady,
)
from slipline.serving.server.process import Server

ROOT = Path(__file__).parents[3]
X = np.array([1, 2], "float32")

Connect = Callable[..., PredictClient]
Start = Callable[..., Server]


@pytest.fixture
def client(start: Start, connect: Connect, scalers: Path) -> PredictClient:
    server = start(model_name="scaler", model_base_path=str(scalers))
    client = connect(server.address)
    assert client.wait_until_available() == 2
    return client


def test_prediction_has_the_outputs_and_the_version_that_answered(client: PredictClient) -> None:
    prediction = client.predict({"x": X})
    assert prediction.version == 2
    assert prediction.outputs["y"].tolist() == [20, 40]
    assert prediction.outputs["y"].dtype == np.float32


def test_signature_and_version_can_be_chosen(client: PredictClient) -> None:
    prediction = client.predict({"name": np.array([b"you"])}, version=2, signature="greet")
    assert prediction.outputs["greeting"].tolist() == [b"hello you"]


def test_images_are_sent_as_they_are(client: PredictClient) -> None:
    """To the one input of the signature for images, whatever its name."""
    assert client.predict_images([b"png", b"jpeg!"]).outputs["size"].tolist() == [3, 5]


def test_metadata_names_inputs_and_dtypes(client: PredictClient) -> None:
    signature = client.metadata()["serving_default"]
    assert list(signature.inputs) == ["x"]
    assert signature.inputs["x"].dtype == 1


def test_status_tells_each_version_in_plain_values(client: PredictClient) -> None:
    (status,) = client.status()
    assert (status.version, status.state, status.error_code, status.error_message) == (2, "AVAILABLE", 0, "")


def test_errors_are_ours_and_name_the_server(client: PredictClient, connect: Connect) -> None:
    with pytest.raises(BadRequest, match=client.target):
        client.predict({"x": X.astype(int)})
    with pytest.raises(BadRequest, match="nix"):
        client.predict({"x": X}, signature="nix")
    with pytest.raises(BadRequest, match="names a version or a label"):
        client.predict({"x": X}, version=1, label="stable")
    with pytest.raises(VersionNotReady):
        client.predict({"x": X}, version=9)
    other = connect(client.target, "other")
    for call in (other.status, other.metadata):
        with pytest.raises(ModelNotFound) as caught:
            call()
        assert isinstance(caught.value.__cause__, grpc.RpcError)


def test_client_on_a_channel_of_its_owner_leaves_it_open(client: PredictClient) -> None:
    with grpc.insecure_channel(client.target) as channel:
        with PredictClient(channel, "scaler") as borrowed:
            borrowed.predict({"x": X})
        assert PredictClient(channel, "scaler").predict({"x": X}).version == 2


def test_server_that_is_not_there_is_unavailable(client: PredictClient, connect: Connect) -> None:
    with pytest.raises(ServerUnavailable):
        connect("127.0.0.1:1").predict({"x": X})


def test_answer_that_takes_too_long_is_a_deadline_exceeded(client: PredictClient) -> None:
    with PredictClient.connect(client.target, "scaler", timeout_s=0.0) as hasty, pytest.raises(DeadlineExceeded):
        hasty.predict({"x": X})


def test_waiting_begins_before_the_model_is_there(
    start: Start, connect: Connect, base: Path, publish: Callable[[int], Path]
) -> None:
    client = connect(start(model_name="scaler", model_base_path=str(base)).address)
    with pytest.raises(VersionNotReady, match=r"version 1 of 'scaler' was to be up within 0.1 s"):
        client.wait_until_available(1, timeout_s=0.1)
    publish(1)
    assert client.wait_until_available(1) == 1


def test_waiting_ends_when_the_server_gives_up(start: Start, connect: Connect, base: Path) -> None:
    (base / "3").mkdir()
    client = connect(start(model_name="scaler", model_base_path=str(base)).address)
    with pytest.raises(LoadFailed, match="cannot be loaded: version 3 is END Could not find SavedModel"):
        client.wait_until_available()


def test_client_needs_neither_tensorflow_nor_the_server() -> None:
    code = "import slipline.serving.client, sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"grpc", "google", "numpy"} <= set(ended.stdout.split())
    assert not {"tensorflow", "ml_dtypes", "apache_beam", "sqlalchemy"} & set(ended.stdout.split())
