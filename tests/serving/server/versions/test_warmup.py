"""Requests recorded for a model's warm-up."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import numpy as np
import pytest

from slipline.serving.client.control import ServerControl
from slipline.serving.client.prediction import VersionStatus
from slipline.serving.errors import LoadFailed, ServingError
from slipline.serving.folders.prediction_log import WARM_UP_FILE
from slipline.serving.models.tensorflow.saved_model import SavedModel
from slipline.serving.server.methods.methods import Methods
from slipline.serving.server.process import Server
from slipline.serving.wire import serving_pb2
from slipline.serving.wire.grpc_errors import code_of
from slipline.serving.wire.tensors import to_proto
from slipline.serving.wire.tfrecord import framed
from tests.serving.conftest import until
from tests.serving.example_models import CLASSIFY, PREDICT, REGRESS, save_half_plus
from tests.serving.managed import warm_up

X = np.array([1, 2], "float32")


def predict_log(x: Any, signature: str = "") -> bytes:
    request = serving_pb2.PredictRequest(
        model_spec=serving_pb2.ModelSpec(name="another", signature_name=signature), inputs={"x": to_proto(x)}
    )
    return serving_pb2.PredictionLog(predict_log=serving_pb2.PredictLog(request=request)).SerializeToString()


def recorded(log: Any) -> bytes:
    """A record of an official PredictionLog."""
    return framed(log.SerializeToString())


def write_warmup(folder: Path, content: bytes) -> Path:
    (folder / WARM_UP_FILE).parent.mkdir(exist_ok=True)
    (folder / WARM_UP_FILE).write_bytes(content)
    return folder


@pytest.fixture
def copied(scalers: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(scalers / "1", tmp_path / "models" / "1"))


@pytest.fixture(scope="module")
def half(tf: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("half") / "1"
    save_half_plus(tf, folder)
    return folder


@pytest.fixture
def logs(tf: ModuleType) -> dict[str, Any]:
    """An official log of each kind that asks for Examples, each without a model's name and of a version long gone."""
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    made = {kind: PredictionLog() for kind in ("classify", "regress", "multi_inference")}
    classify, regress = made["classify"].classify_log.request, made["regress"].regress_log.request
    several = made["multi_inference"].multi_inference_log.request
    for name, method in (("classify", CLASSIFY), ("regress", REGRESS)):
        several.tasks.add(method_name=method).model_spec.signature_name = name
        several.tasks[-1].model_spec.name = "another"
    for request, spec in ((classify, "classify"), (regress, "regress"), (several, "")):
        example = request.input.example_list.examples.add()
        example.features.feature["x"].float_list.value.append(2)
        if spec:
            request.model_spec.signature_name = spec
            request.model_spec.version.value = 99
    return made


def test_recorded_requests_of_every_signature_are_replayed(copied: Path) -> None:
    """A record of no kind is skipped."""
    write_warmup(copied, framed(predict_log(X)) + framed(b"") + framed(predict_log(X, "picky")))
    with SavedModel.load(copied) as model:
        assert warm_up(model) == 2


@pytest.mark.parametrize("kind", ["classify", "regress", "multi_inference"])
def test_recorded_request_on_examples_is_replayed(half: Path, logs: dict[str, Any], kind: str) -> None:
    with SavedModel.load(write_warmup(half, recorded(logs[kind]))) as model:
        assert warm_up(model) == 1


def test_recorded_request_that_errs_fails_the_load_whatever_its_kind(half: Path, logs: dict[str, Any]) -> None:
    logs["multi_inference"].multi_inference_log.request.tasks[0].method_name = PREDICT
    logs["classify"].classify_log.request.model_spec.signature_name = "nix"
    logs["regress"].regress_log.request.ClearField("input")
    for kind, words in (("multi_inference", "method_name"), ("classify", "nix"), ("regress", "Input is empty")):
        with (
            SavedModel.load(write_warmup(half, recorded(logs[kind]))) as model,
            pytest.raises(LoadFailed, match=f"warm-up request 0 failed: .*{words}"),
        ):
            warm_up(model)


def test_model_without_recorded_requests_is_warm(scalers: Path) -> None:
    with SavedModel.load(scalers / "1") as model:
        assert warm_up(model) == 0


def test_method_names_are_checked_as_for_requests(half: Path, logs: dict[str, Any]) -> None:
    logs["regress"].regress_log.request.model_spec.signature_name = "regress_flat"
    with SavedModel.load(write_warmup(half, recorded(logs["regress"]))) as model:
        assert warm_up(model) == 1
        with pytest.raises(LoadFailed, match="Expected regression signature method_name"):
            warm_up(model, Methods(check_method_names=True))


@pytest.mark.parametrize(("flag", "runs"), [(0, 1), (1, 1), (3, 3)])
def test_each_request_is_run_as_often_as_the_server_is_told(
    tf: ModuleType, start: Callable[..., Server], base: Path, connect: Callable[..., Any], flag: int, runs: int
) -> None:
    counter = tf.Module()
    counter.value = tf.Variable(0.0)
    spec = [tf.TensorSpec([None], tf.float32, name="x")]
    count = tf.function(lambda x: {"y": counter.value.assign_add(1.0) + tf.reduce_sum(x)}, input_signature=spec)
    tf.saved_model.save(counter, str(base.parent / "1"), signatures={"serving_default": count})
    write_warmup(base.parent / "1", framed(predict_log(X)) * 2)
    server = start(model_name="counter", model_base_path=str(base.parent), num_request_iterations_for_warmup=flag)
    client = connect(server.address, "counter")
    client.wait_until_available()
    assert client.predict({"x": 0 * X}).outputs["y"] == 2 * runs + 1


def session_log() -> bytes:
    return serving_pb2.PredictionLog(session_run_log=b"").SerializeToString()


REFUSED = [
    (
        framed(predict_log(X)) + framed(predict_log(np.array([1]))),
        "INVALID_ARGUMENT",
        "request 1 failed: Expects",
    ),
    (framed(predict_log(X, "nix")), "FAILED_PRECONDITION", 'Serving signature key "nix" not found'),
    (framed(b"\xff\xff"), "INVALID_ARGUMENT", "Failed to parse warmup record: record 0"),
    (framed(b"") * 1001, "INVALID_ARGUMENT", "at most 1000 records"),
    (framed(predict_log(X))[:-1], "DATA_LOSS", "record 0 is cut off or corrupt"),
    (b"no record at all", "DATA_LOSS", "record 0 is cut off or corrupt"),
    (framed(session_log()), "UNIMPLEMENTED", "Unsupported log_type for warmup: session_run_log"),
]


@pytest.mark.parametrize(("content", "code", "words"), REFUSED)
def test_recorded_requests_that_cannot_be_replayed_fail_the_load(
    copied: Path, content: bytes, code: str, words: str
) -> None:
    write_warmup(copied, content)
    with SavedModel.load(copied) as model, pytest.raises(LoadFailed) as caught:
        warm_up(model)
    assert words in str(caught.value)
    assert isinstance(caught.value.__cause__, ServingError)
    assert code_of(caught.value.__cause__).name == code


def ended(control: ServerControl) -> Iterator[VersionStatus]:
    return (status for status in control.status("scaler") if status.state == "END")


@pytest.mark.parametrize(("content", "code", "words"), [REFUSED[0], REFUSED[4], REFUSED[6]])
def test_status_of_a_version_says_why_its_warm_up_failed(
    start: Callable[..., Server], copied: Path, content: bytes, code: str, words: str
) -> None:
    write_warmup(copied, content)
    server = start(model_name="scaler", model_base_path=str(copied.parent))
    with ServerControl(server.address) as control:
        until(lambda: list(ended(control)))
        found = next(ended(control))
    assert (found.error_code, words in found.error_message) == (grpc.StatusCode[code].value[0], True)
