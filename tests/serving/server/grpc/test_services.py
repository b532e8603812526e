"""The embedded server as the official client library, `tensorflow-serving-api`, sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import pytest

from slipline.serving.server.process import Server


@dataclass(frozen=True)
class Official:
    """The official messages and stubs, on one server."""

    tf: Any
    channel: grpc.Channel
    predict: Any
    models: Any
    metadata_pb2: Any
    status_pb2: Any
    management_pb2: Any
    predict_pb2: Any

    def request(self, x: Any = (1.0, 2.0), **spec: Any) -> Any:
        request = self.predict_pb2.PredictRequest()
        request.model_spec.name = "scaler"
        self.point(request, **spec)
        request.inputs["x"].CopyFrom(self.tf.make_tensor_proto(x))
        return request

    def point(
        self, request: Any, name: str = "scaler", version: int | None = None, label: str = "", sig: str = ""
    ) -> None:
        request.model_spec.name = name
        request.model_spec.signature_name = sig
        if version is not None:
            request.model_spec.version.value = version
        if label:
            request.model_spec.version_label = label

    def config(self, path: Path, *, name: str = "scaler", platform: str = "tensorflow") -> Any:
        request = self.management_pb2.ReloadConfigRequest()
        request.config.model_config_list.config.add(name=name, base_path=str(path), model_platform=platform)
        return request


@pytest.fixture(scope="module")
def server(scalers: Path) -> Iterator[Server]:
    from slipline.serving.server.flags.options import ServerOptions

    models = f'name: "scaler" base_path: "{scalers}" model_platform: "tensorflow" model_version_policy {{ all {{}} }}'
    file = scalers / "models.config"
    file.write_text(f'model_config_list {{ config {{ {models} version_labels {{ key: "old" value: 1 }} }} }}')
    with Server(ServerOptions(port=0, model_config_file=str(file), max_num_load_retries=0)) as server:
        yield server


@pytest.fixture(scope="module")
def channel(server: Server) -> Iterator[grpc.Channel]:
    from slipline.serving.client import PredictClient

    with grpc.insecure_channel(server.address) as channel:
        client = PredictClient(channel, "scaler")
        client.wait_until_available(1)
        client.wait_until_available(2)
        yield channel


def official_on(channel: grpc.Channel, tf: ModuleType) -> Official:
    from tensorflow_serving.apis import (
        get_model_metadata_pb2,
        get_model_status_pb2,
        model_management_pb2,
        model_service_pb2_grpc,
        predict_pb2,
        prediction_service_pb2_grpc,
    )

    return Official(
        tf=tf,
        channel=channel,
        predict=prediction_service_pb2_grpc.PredictionServiceStub(channel),
        models=model_service_pb2_grpc.ModelServiceStub(channel),
        metadata_pb2=get_model_metadata_pb2,
        status_pb2=get_model_status_pb2,
        management_pb2=model_management_pb2,
        predict_pb2=predict_pb2,
    )


@pytest.fixture(scope="module")
def official(channel: grpc.Channel, tf: ModuleType) -> Official:
    return official_on(channel, tf)


def refusal(call: Callable[[], Any]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code(), caught.value.details()


def test_predict_answers_in_typed_fields_with_the_resolved_version(official: Official) -> None:
    response = official.predict.Predict(official.request())
    assert list(response.outputs["y"].float_val) == [20, 40]
    assert list(response.outputs["count"].int64_val) == [2]
    assert not response.outputs["y"].tensor_content
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("scaler", 2, "serving_default")


def test_label_is_never_echoed(official: Official) -> None:
    spec = official.predict.Predict(official.request(label="old")).model_spec
    assert (spec.version.value, spec.version_label) == (1, "")


def test_output_filter_chooses_the_outputs(official: Official) -> None:
    request = official.request()
    request.output_filter.append("count")
    assert list(official.predict.Predict(request).outputs) == ["count"]


def test_message_far_larger_than_grpcs_default_limit_is_taken(official: Official) -> None:
    request = official.request(official.tf.zeros([2_000_000]).numpy())
    request.output_filter.append("count")
    assert list(official.predict.Predict(request).outputs["count"].int64_val) == [2_000_000]


@pytest.mark.parametrize(
    ("spec", "code", "words"),
    [
        ({"name": ""}, "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        ({"name": "nix"}, "NOT_FOUND", "Servable not found for request: Latest(nix)"),
        ({"version": 9}, "NOT_FOUND", "Servable not found for request: Specific(scaler, 9)"),
        ({"label": "nix"}, "INVALID_ARGUMENT", "Unrecognized servable version label: nix"),
        ({"name": "nix", "label": "old"}, "INVALID_ARGUMENT", "Unrecognized servable version label: old"),
        ({"sig": "nix"}, "FAILED_PRECONDITION", 'Serving signature key "nix" not found.'),
        ({"sig": "greet"}, "INVALID_ARGUMENT", "Signature input alias: name(feed name: greet_name:0) not found"),
        ({"x": [1]}, "INVALID_ARGUMENT", "Expects arg[0] to be float but int32 is provided"),
        ({"x": [99.0], "sig": "picky"}, "INVALID_ARGUMENT", "x must be small"),
    ],
)
def test_wrong_request_is_refused_as_tensorflow_serving_does(
    official: Official, spec: dict[str, Any], code: str, words: str
) -> None:
    status, details = refusal(lambda: official.predict.Predict(official.request(**spec)))
    assert status.name == code
    assert words in details


def test_request_without_a_model_spec_is_refused(official: Official) -> None:
    request = official.predict_pb2.PredictRequest()
    answer = (grpc.StatusCode.INVALID_ARGUMENT, "Missing ModelSpec")
    assert refusal(lambda: official.predict.Predict(request)) == answer
    assert refusal(lambda: official.models.GetModelStatus(official.status_pb2.GetModelStatusRequest())) == answer


def test_tensor_that_cannot_be_parsed_is_refused_by_name(official: Official) -> None:
    request = official.request()
    request.inputs["x"].tensor_content = b"123"
    status, details = refusal(lambda: official.predict.Predict(request))
    assert (status, details[:23]) == (grpc.StatusCode.INVALID_ARGUMENT, "tensor parsing error: x")


def test_long_error_is_cut(official: Official) -> None:
    status, details = refusal(lambda: official.predict.Predict(official.request(sig="x" * 2000)))
    assert (status, len(details)) == (grpc.StatusCode.FAILED_PRECONDITION, 1024 + len("...TRUNCATED"))


def test_metadata_holds_every_signature_of_the_model(official: Official, scalers: Path) -> None:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    request = official.metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    official.point(request, label="old")
    response = official.predict.GetModelMetadata(request)
    assert (response.model_spec.version.value, response.model_spec.signature_name) == (1, "")
    found = official.metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(found)
    saved = SavedModel.FromString((scalers / "1" / "saved_model.pb").read_bytes())
    assert dict(found.signature_def) == dict(saved.meta_graphs[0].signature_def)
    assert "__saved_model_init_op" in found.signature_def


@pytest.mark.parametrize(
    ("fields", "words"),
    [([], "must specify at least one metadata_field"), (["graph"], "Metadata field graph is not supported")],
)
def test_other_metadata_is_refused(official: Official, fields: list[str], words: str) -> None:
    request = official.metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    official.point(request, name="nix")
    status, details = refusal(lambda: official.predict.GetModelMetadata(request))
    assert status is grpc.StatusCode.INVALID_ARGUMENT
    assert words in details


def test_status_lists_the_versions_from_the_highest_down_whatever_the_label(official: Official) -> None:
    request = official.status_pb2.GetModelStatusRequest()
    official.point(request, label="nix")
    listed = official.models.GetModelStatus(request).model_version_status
    assert [(status.version, status.state, status.status.error_code) for status in listed] == [(2, 30, 0), (1, 30, 0)]


def test_status_of_one_version_lists_that_one(official: Official) -> None:
    request = official.status_pb2.GetModelStatusRequest()
    official.point(request, version=1)
    assert [status.version for status in official.models.GetModelStatus(request).model_version_status] == [1]
    request.model_spec.version.value = 9
    answer = (grpc.StatusCode.NOT_FOUND, "Could not find version 9 of model scaler")
    assert refusal(lambda: official.models.GetModelStatus(request)) == answer


def test_service_that_the_server_does_not_have_is_unimplemented(official: Official) -> None:
    asked = official.channel.unary_unary("/tensorflow.serving.SessionService/SessionRun")
    status, _ = refusal(lambda: asked(b""))
    assert status is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("call", ["Profile", "Terminate", "Monitor"])
def test_profiler_says_what_to_use_in_its_place(official: Official, call: str) -> None:
    asked = official.channel.unary_unary(f"/tensorflow.ProfilerService/{call}")
    status, details = refusal(lambda: asked(b""))
    assert (status, "tf.profiler.experimental" in details) == (grpc.StatusCode.UNIMPLEMENTED, True)


@pytest.fixture
def other(start: Callable[..., Server], scalers: Path, base: Path, tf: ModuleType) -> Iterator[Official]:
    """On a server whose config may be changed."""
    server = start(model_name="scaler", model_base_path=str(base))
    with grpc.insecure_channel(server.address) as channel:
        yield official_on(channel, tf)


def test_reload_answers_once_the_new_model_is_up(other: Official, scalers: Path) -> None:
    response = other.models.HandleReloadConfigRequest(other.config(scalers, name="new"))
    assert response.status.error_code == 0
    assert list(other.predict.Predict(other.request(name="new")).outputs["y"].float_val) == [20, 40]


def test_reload_of_a_model_that_cannot_be_loaded_says_so(other: Official, tmp_path: Path) -> None:
    (tmp_path / "bad" / "1").mkdir(parents=True)
    status, details = refusal(
        lambda: other.models.HandleReloadConfigRequest(other.config(tmp_path / "bad", name="new"))
    )
    assert status is grpc.StatusCode.UNKNOWN
    assert "1 model(s) did not become available: {new: version 1 due to error: Could not find SavedModel" in details


def test_reload_of_a_model_without_versions_ends_with_the_callers_deadline(other: Official, tmp_path: Path) -> None:
    status, _ = refusal(lambda: other.models.HandleReloadConfigRequest(other.config(tmp_path, name="new"), timeout=0.3))
    assert status is grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize("platform", ["", "caffe"])
def test_refused_reload_changes_nothing(other: Official, scalers: Path, platform: str) -> None:
    other.models.HandleReloadConfigRequest(other.config(scalers, name="new"))
    request = other.config(scalers, name="newer")
    request.config.model_config_list.config.add(name="bad", base_path="/bad", model_platform=platform)
    status, _ = refusal(lambda: other.models.HandleReloadConfigRequest(request))
    assert status is grpc.StatusCode.INVALID_ARGUMENT
    assert other.predict.Predict(other.request(name="new")).model_spec.version.value == 2
    other.models.HandleReloadConfigRequest(other.config(scalers, name="newer"))


def test_reload_without_a_list_of_models_is_refused(other: Official) -> None:
    status, details = refusal(
        lambda: other.models.HandleReloadConfigRequest(other.management_pb2.ReloadConfigRequest())
    )
    assert status is grpc.StatusCode.INVALID_ARGUMENT
    assert "not supported by HandleReloadConfigRequest" in details


def test_reload_with_an_empty_list_unloads_everything(other: Official, scalers: Path) -> None:
    other.models.HandleReloadConfigRequest(other.config(scalers, name="new"))
    request = other.management_pb2.ReloadConfigRequest()
    request.config.model_config_list.SetInParent()
    other.models.HandleReloadConfigRequest(request)
    status, _ = refusal(lambda: other.predict.Predict(other.request(name="new")))
    assert status is grpc.StatusCode.NOT_FOUND
