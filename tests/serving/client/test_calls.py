"""What both kinds of client can be asked for, by real servers and real models."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import numpy as np
import pytest

from slipline.serving.client import AsyncPredictClient, Class, ClientSettings, PredictClient, ServedModel
from slipline.serving.errors import BadRequest, ConfigRefused, ModelNotFound, VersionNotReady
from slipline.serving.wire import example_pb2, tensor_pb2
from tests.serving.example_models import save_half_plus

X = np.array([1, 2], "float32")


@pytest.fixture(scope="session")
def half_plus(tf: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("half_plus")
    save_half_plus(tf, folder / "1")
    return folder


def test_both_kinds_have_the_same_methods() -> None:
    def surface(kind: type) -> dict[str, str]:
        methods = inspect.getmembers(kind, inspect.isfunction)
        return {name: str(inspect.signature(method)) for name, method in methods if not name.startswith("_")}

    assert surface(AsyncPredictClient) == surface(PredictClient)
    assert all(inspect.iscoroutinefunction(getattr(AsyncPredictClient, name)) for name in surface(AsyncPredictClient))


def test_model_is_run_and_described(client_of: Callable[..., Any], start: Any, scalers: Path) -> None:
    client = client_of(start(model_name="scaler", model_base_path=str(scalers)).address, "scaler")
    assert client.wait_until_available() == 2
    assert client.predict({"x": X})["y"].tolist() == [20, 40]
    assert client.predict([1, 2])["count"] == 2
    assert client.predict({"x": X}, output_filter=["count"]).outputs.keys() == {"count"}
    assert client.predict({"name": ["you"]}, signature="greet")["greeting"].tolist() == [b"hello you"]
    assert str(client.signature("greet").inputs["name"]) == "string [?]"
    assert client.metadata()["serving_default"].inputs["x"].dtype == 1
    assert [status.state for status in client.status()] == ["AVAILABLE"]
    assert client.predict_images([b"123", np.zeros((2, 2), "uint8")])["size"][0] == 3
    with pytest.raises(
        BadRequest, match=r"version 2 of 'scaler': signature 'serving_default' takes 'x' as float32 \[\?\]"
    ):
        client.predict({"x": [[1]]})
    with pytest.raises(BadRequest, match=r"its signatures are 'count', 'greet', .*; got 'nix'"):
        client.predict({"x": X}, signature="nix")


def test_config_is_replaced_and_labels_are_asked_for(client_of: Callable[..., Any], start: Any, scalers: Path) -> None:
    client = client_of(start(model_name="scaler", model_base_path=str(scalers)).address, "scaler")
    client.wait_until_available()
    path = str(scalers)
    client.reload_config([ServedModel(name="scaler", base_path=path, versions=(1, 2))])
    assert client.wait_until_available(1) == 1
    client.reload_config([ServedModel(name="scaler", base_path=path, versions=(1, 2), labels={"old": 1, "new": 2})])
    assert [client.predict({"x": X}, label=label).version for label in ("old", "new")] == [1, 2]
    with pytest.raises(VersionNotReady):
        client.predict({"x": X}, label="nix")


def test_config_that_a_server_cannot_follow_is_refused(client_of: Callable[..., Any], serve: Any) -> None:
    server = serve()
    server.behave = lambda method, request, context: context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no such label")
    with pytest.raises(ConfigRefused, match=r"the model config was refused: .*no such label"):
        client_of(server.address).reload_config([])


def test_examples_are_classified_and_regressed(client_of: Callable[..., Any], start: Any, half_plus: Path) -> None:
    client = client_of(start(model_name="half_plus", model_base_path=str(half_plus)).address, "half_plus")
    client.wait_until_available()
    x = example_pb2.Feature(float_list=example_pb2.FloatList(value=[4.0]))
    serialized = example_pb2.Example(features=example_pb2.Features(feature={"x": x})).SerializeToString()
    found = client.regress([{"x": 2.0}, serialized], signature="regress")
    assert (found.values.dtype, found.values.tolist(), found.version) == (np.float32, [1, 2], 1)
    assert client.regress([{"x": 2.0}], signature="regress", context={"c": [5.0]}).values.tolist() == [6]
    found = client.classify([{"x": 2.0}], signature="classify")
    assert found.classes == ((Class("1.0", 1.0), Class("-1.0", -1.0)),)
    for examples, words in (
        ([], "at least one example"),
        ([b"?"], "example 0 is no serialized"),
        ([{"x": [{}]}], "got object"),
    ):
        with pytest.raises(BadRequest, match=words):
            client.regress(examples, signature="regress")


def test_every_dtype_goes_there_and_back(client_of: Callable[..., Any], serve: Any) -> None:
    import ml_dtypes

    for dtype in ("float16", "int8", "uint64", "complex128", ml_dtypes.bfloat16):
        server = serve()
        server.dtype = getattr(
            tensor_pb2, {"float16": "DT_HALF"}.get(np.dtype(dtype).name, f"DT_{np.dtype(dtype).name.upper()}")
        )
        prediction = client_of(server.address).predict([1, 2])
        assert (prediction["y"].dtype, prediction["y"].tolist()) == (np.dtype(dtype), [2, 4])


def test_signature_is_asked_for_once_a_version(client_of: Callable[..., Any], serve: Any) -> None:
    server = serve()
    client = client_of(server.address)
    for version in (1, 1, 2, 2, 1, 2):
        server.version = version
        client.predict({"x": X})
    assert server.count("GetModelMetadata") == 2


def test_signature_of_a_newer_version_is_looked_up_before_inputs_are_refused(
    client_of: Callable[..., Any], serve: Any
) -> None:
    server = serve()
    client = client_of(server.address)
    client.predict({"x": X})
    server.version, server.dtype = 2, tensor_pb2.DT_INT64
    assert client.predict({"x": np.array([3])})["y"].tolist() == [6]
    with pytest.raises(BadRequest, match=r"takes 'x' as int64 \[\?\], got float32 \[2\]"):
        client.predict({"x": X})


def test_key_chooses_the_label(client_of: Callable[..., Any], serve: Any) -> None:
    server = serve()
    settings = ClientSettings(router=lambda key: "canary" if key < "b" else "stable")
    client = client_of(server.address, settings=settings)
    for key in ("a", "c"):
        client.predict({"x": X}, key=key)
    assert [r.model_spec.version_label for name, r in server.seen if name == "Predict"] == ["canary", "stable"]
    with pytest.raises(BadRequest, match="a key chooses the label, got key 'a' and version 1"):
        client.predict({"x": X}, key="a", version=1)
    with pytest.raises(BadRequest, match="no router in the settings"):
        client_of(server.address).predict({"x": X}, key="a")


def test_inputs_are_sent_unchecked_if_so_wanted(client_of: Callable[..., Any], serve: Any) -> None:
    server = serve()
    client = client_of(server.address, settings=ClientSettings(check_signature=False))
    assert client.predict({"x": np.array([[1]])})["y"].tolist() == [[2]]
    assert server.count("GetModelMetadata") == 0


def test_wrong_model_is_not_found(client_of: Callable[..., Any], start: Any, scalers: Path) -> None:
    client = client_of(start(model_name="scaler", model_base_path=str(scalers)).address, "other")
    with pytest.raises(ModelNotFound, match="answered NOT_FOUND"):
        client.predict({"x": X})
