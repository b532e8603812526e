"""What users of TensorFlow Serving complain about, and what this server promises instead; each name is a promise."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from slipline.serving.client import PredictClient
from slipline.serving.client.control import ServerControl
from slipline.serving.errors import ServingError
from slipline.serving.folders.model_config import ServedModel, write_config
from slipline.serving.folders.prediction_log import WARM_UP_FILE
from slipline.serving.server.process import Server
from slipline.serving.wire import serving_pb2
from slipline.serving.wire.tensors import to_proto
from slipline.serving.wire.tfrecord import framed
from tests.serving.conftest import until
from tests.serving.managed import bytes_on_disk

X = np.array([1, 2], "float32")
MONITORING = 'prometheus_config { enable: true path: "/metrics" }'

Connect = Callable[..., PredictClient]
Publish = Callable[[int], Path]


class Observed:
    """A server with REST, and its clients."""

    def __init__(self, server: Server, rest: httpx.Client, control: ServerControl, client: PredictClient) -> None:
        self.server, self.rest, self.control, self.client = server, rest, control, client

    def states(self, model: str = "scaler") -> dict[int, str]:
        return {status.version: status.state for status in self.control.status(model)}

    def wait_for(self, version: int, state: str, model: str = "scaler") -> None:
        until(lambda: self.states(model).get(version) == state)

    def answered_by(self, **spec: Any) -> int:
        prediction = self.client.predict({"x": X}, **spec)
        assert prediction.outputs["y"][0] == 10 * prediction.version
        return int(prediction.version)

    def wait_for_metric(self, line: str) -> None:
        until(lambda: line in self.rest.get("/metrics").text.splitlines())


@pytest.fixture
def observe(start: Callable[..., Server], connect: Connect, tmp_path: Path) -> Iterator[Callable[..., Observed]]:
    opened: list[Any] = []

    def begin(**options: Any) -> Observed:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        monitoring = tmp_path / "monitoring.config"
        monitoring.write_text(MONITORING)
        server = start(rest_api_port=port, monitoring_config_file=str(monitoring), **options)
        rest = httpx.Client(base_url=server.rest_address or "", timeout=60, trust_env=False)
        control = ServerControl(server.address)
        opened.extend((rest, control))
        return Observed(server, rest, control, connect(server.address))

    yield begin
    for client in opened:
        client.close()


def scaler(base: Path, *versions: int, name: str = "scaler", **labels: int) -> ServedModel:
    return ServedModel(name=name, base_path=str(base), versions=versions, labels=labels)


def unreadable(base: Path, number: int) -> Path:
    """A version that cannot be read for now, as behind a broken network: its file is a link in a circle."""
    folder = base / str(number)
    folder.mkdir()
    (folder / "saved_model.pb").symlink_to("saved_model.pb")
    return folder


def test_label_in_the_config_at_start_waits_for_its_version(
    observe: Callable[..., Observed], base: Path, publish: Publish, tmp_path: Path
) -> None:
    config = tmp_path / "models.config"
    write_config(config, [scaler(base, 1, stable=1)])
    seen = observe(model_config_file=str(config))
    with pytest.raises(ServingError, match=r"Specific\(scaler, 1\)"):
        seen.answered_by(label="stable")
    publish(1)
    seen.wait_for(1, "AVAILABLE")
    assert seen.answered_by(label="stable") == 1


def test_half_copied_version_is_refused_and_loaded_once_it_is_whole(
    observe: Callable[..., Observed], base: Path, publish: Publish
) -> None:
    publish(1)
    seen = observe(model_name="scaler", model_base_path=str(base))
    seen.wait_for(1, "AVAILABLE")
    publish(2).joinpath("variables").rename(base / "to come")
    seen.wait_for(2, "END")
    assert seen.answered_by() == 1
    (base / "to come").rename(base / "2" / "variables")
    seen.wait_for(2, "AVAILABLE")
    assert seen.answered_by() == 2


def test_version_that_failed_is_tried_again_for_ever_and_an_alert_tells_that_it_is_missing(
    observe: Callable[..., Observed], base: Path, publish: Publish
) -> None:
    """Even without looks at the files, which would see them change."""
    publish(1)
    unreadable(base, 2)
    seen = observe(
        model_name="scaler",
        model_base_path=str(base),
        file_system_poll_wait_seconds=0,
        max_load_backoff_seconds=0.01,
    )
    seen.wait_for(2, "END")
    seen.wait_for_metric('slipline_model_versions_missing{model_name="scaler"} 1')
    shutil.rmtree(base / "2")
    publish(2)
    seen.wait_for(2, "AVAILABLE")
    seen.wait_for_metric('slipline_model_versions_missing{model_name="scaler"} 0')


def test_sending_the_config_again_orders_another_attempt_at_once(
    observe: Callable[..., Observed], base: Path, publish: Publish
) -> None:
    unreadable(base, 2)
    seen = observe(
        model_name="scaler", model_base_path=str(base), file_system_poll_wait_seconds=0, max_load_backoff_seconds=1e6
    )
    seen.wait_for(2, "END")
    shutil.rmtree(base / "2")
    publish(2)
    seen.control.reload([scaler(base, 2)])
    seen.wait_for(2, "AVAILABLE")


def test_failing_load_holds_up_neither_a_reload_nor_another_model(
    observe: Callable[..., Observed], base: Path, scalers: Path, tmp_path: Path
) -> None:
    unreadable(base, 1)
    seen = observe(
        model_name="failing",
        model_base_path=str(base),
        max_num_load_retries=5,
        load_retry_interval_micros=10**12,
        num_load_threads=1,
    )
    until(lambda: seen.control.status("failing")[0].error_message)
    failing = ServedModel(name="failing", base_path=str(base), versions=(1,))
    seen.control.reload([failing, scaler(scalers, 1)])
    assert (seen.answered_by(), seen.states("failing")) == (1, {1: "LOADING"})


def test_failure_that_can_only_repeat_itself_is_told_at_once(
    observe: Callable[..., Observed], base: Path, publish: Publish
) -> None:
    (publish(1) / "saved_model.pb").unlink()
    seen = observe(
        model_name="scaler", model_base_path=str(base), max_num_load_retries=5, load_retry_interval_micros=10**12
    )
    seen.wait_for(1, "END")
    assert "Could not find SavedModel .pb" in seen.control.status("scaler")[0].error_message


def test_reload_with_a_mistyped_path_ends_in_time_names_the_model_and_holds_up_nothing(
    observe: Callable[..., Observed], scalers: Path, tmp_path: Path
) -> None:
    seen = observe(model_name="scaler", model_base_path=str(scalers), reload_wait_seconds=0.5)
    seen.wait_for(2, "AVAILABLE")
    mistyped = ServedModel(name="mistyped", base_path=str(tmp_path / "nowhere"), versions=(1,))
    with ThreadPoolExecutor(1) as threads:
        hanging = threads.submit(seen.control.reload, [scaler(scalers, 2), scaler(scalers, 1, name="good"), mistyped])
        until(lambda: "mistyped" in seen.rest.get("/v1/config").text)
        seen.wait_for(1, "AVAILABLE", model="good")  # while the reload still waits for the other
        with pytest.raises(ServingError, match=f"no version of mistyped .*{tmp_path / 'nowhere'} cannot be read"):
            hanging.result()
    seen.control.reload([scaler(scalers, 2)])
    assert seen.answered_by() == 2


def test_reload_that_cannot_be_followed_changes_nothing_at_all(observe: Callable[..., Observed], scalers: Path) -> None:
    seen = observe(model_name="scaler", model_base_path=str(scalers))
    seen.wait_for(2, "AVAILABLE")
    before = seen.rest.get("/v1/config").json()
    request = serving_pb2.ReloadConfigRequest()
    models = request.config.model_config_list.config
    models.add(name="scaler", base_path=str(scalers / "another"), model_platform="tensorflow")
    models.add(name="new", base_path="relative", model_platform="tensorflow")
    with grpc.insecure_channel(seen.server.address) as channel, pytest.raises(grpc.RpcError, match="absolute path"):
        channel.unary_unary("/tensorflow.serving.ModelService/HandleReloadConfigRequest")(request.SerializeToString())
    assert seen.rest.get("/v1/config").json() == before
    assert seen.answered_by() == 2


def test_ports_are_open_at_once_and_readyz_says_what_is_missing(
    observe: Callable[..., Observed], scalers: Path, base: Path, tmp_path: Path
) -> None:
    config = tmp_path / "models.config"
    write_config(config, [scaler(scalers, 1), scaler(base, 1, name="late")])
    seen = observe(model_config_file=str(config))
    seen.wait_for(1, "AVAILABLE")
    answer = seen.rest.get("/readyz")
    assert (answer.status_code, list(answer.json()["missing"])) == (503, ["late"])
    assert str(base) in answer.json()["missing"]["late"]


@pytest.mark.parametrize("loss", ["emptied", "gone", "broken"])
def test_last_good_version_outlives_the_loss_of_its_storage(
    observe: Callable[..., Observed], base: Path, publish: Publish, loss: str
) -> None:
    folder = publish(1)
    seen = observe(model_name="scaler", model_base_path=str(base))
    seen.wait_for(1, "AVAILABLE")
    if loss == "emptied":
        folder.rename(base.parent / "elsewhere")
    else:
        base.rename(base.parent / "elsewhere")
    if loss == "broken":
        base.write_text("a file where the folder was")
    until(lambda: "base path" in seen.rest.get("/v1/models").json()["models"][0]["complaint"])
    assert (seen.answered_by(), seen.states()) == (1, {1: "AVAILABLE"})


def test_model_may_be_switched_without_a_second_copy_in_memory(
    observe: Callable[..., Observed], base: Path, publish: Publish
) -> None:
    publish(1)
    limit = int(1.5 * 1.2 * bytes_on_disk(base / "1"))  # room for one version
    seen = observe(
        model_name="scaler",
        model_base_path=str(base),
        resource_preserving_models="scaler",
        total_model_memory_limit_bytes=limit,
    )
    seen.wait_for(1, "AVAILABLE")
    publish(2)
    seen.wait_for(2, "AVAILABLE")
    assert (seen.answered_by(), seen.states()) == (2, {2: "AVAILABLE", 1: "END"})


def test_version_for_which_there_is_no_memory_is_refused_and_the_old_one_stays(
    observe: Callable[..., Observed], base: Path, publish: Publish
) -> None:
    publish(1)
    limit = int(1.5 * 1.2 * bytes_on_disk(base / "1"))
    seen = observe(model_name="scaler", model_base_path=str(base), total_model_memory_limit_bytes=limit)
    seen.wait_for(1, "AVAILABLE")
    publish(2)
    seen.wait_for(2, "END")
    status = seen.control.status("scaler")[0]
    assert status.error_code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    assert "resource_preserving_switch" in status.error_message
    assert seen.answered_by() == 1


def test_memory_of_each_version_is_reported(observe: Callable[..., Observed], scalers: Path) -> None:
    seen = observe(model_name="scaler", model_base_path=str(scalers))
    seen.wait_for(2, "AVAILABLE")
    size = bytes_on_disk(scalers / "2")
    seen.wait_for_metric(f'slipline_model_disk_bytes{{model_name="scaler",version="2"}} {size}')
    assert 'slipline_model_load_growth_bytes{model_name="scaler",version="2"}' in seen.rest.get("/metrics").text


def test_requests_are_answered_while_another_model_is_loaded(
    observe: Callable[..., Observed], scalers: Path, base: Path
) -> None:
    """Here, a load that takes until the test has had its answers."""
    seen = observe(model_name="scaler", model_base_path=str(scalers), reload_wait_seconds=0.01)
    seen.wait_for(2, "AVAILABLE")
    (base / "1").mkdir()
    pipe = base / "1" / "saved_model.pb"
    os.mkfifo(pipe)  # whoever reads it waits for a writer
    with pytest.raises(ServingError, match="no version of slow"):
        seen.control.reload([scaler(scalers, 2), scaler(base, 1, name="slow")])
    seen.wait_for(1, "LOADING", model="slow")
    assert [seen.answered_by() for _ in range(100)] == [2] * 100
    with pipe.open("wb") as writer:
        pipe.unlink()
        writer.write(b"no model")
    seen.wait_for(1, "END", model="slow")


def warmed(folder: Path, x: Any) -> Path:
    request = serving_pb2.PredictRequest(inputs={"x": to_proto(x)})
    log = serving_pb2.PredictionLog(predict_log=serving_pb2.PredictLog(request=request)).SerializeToString()
    (folder / WARM_UP_FILE).parent.mkdir(exist_ok=True)
    (folder / WARM_UP_FILE).write_bytes(framed(log))
    return folder


@pytest.mark.parametrize(
    ("limit_s", "x", "reason"),
    [(0.0, np.array([1]), "warm-up request 0 failed"), (1e-9, X, "not warm after 1e-09 s")],
)
def test_version_whose_warm_up_fails_or_is_slow_does_not_replace_the_old_one(
    observe: Callable[..., Observed], base: Path, publish: Publish, limit_s: float, x: Any, reason: str
) -> None:
    publish(1)
    seen = observe(model_name="scaler", model_base_path=str(base), warmup_time_limit_seconds=limit_s)
    seen.wait_for(1, "AVAILABLE")
    warmed(publish(2).rename(base / ".2"), x).rename(base / "2")
    until(lambda: any(reason in status.error_message for status in seen.control.status("scaler")))
    assert seen.answered_by() == 1


def test_client_takes_answers_larger_than_grpcs_own_limit(observe: Callable[..., Observed], scalers: Path) -> None:
    seen = observe(model_name="scaler", model_base_path=str(scalers))
    seen.wait_for(2, "AVAILABLE")
    large = np.ones(5 * 2**20 // 4, "float32")
    assert seen.client.predict({"x": large}).outputs["y"].nbytes > 4194304


def test_health_of_server_and_model_can_be_asked_for_without_a_model_and_follows_it(
    observe: Callable[..., Observed], base: Path, publish: Publish
) -> None:
    seen = observe(model_name="scaler", model_base_path=str(base))
    with grpc.insecure_channel(seen.server.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)

        def wait_for(status: int) -> None:
            for name in ("", "scaler"):
                until(lambda n=name: stub.Check(health_pb2.HealthCheckRequest(service=n)).status == status)

        assert seen.rest.get("/healthz").status_code == 200
        assert seen.rest.get("/readyz").status_code == 503
        wait_for(health_pb2.HealthCheckResponse.NOT_SERVING)
        publish(1)
        wait_for(health_pb2.HealthCheckResponse.SERVING)
        assert seen.rest.get("/readyz").status_code == 200


def test_client_needs_no_tensorflow() -> None:
    code = "import sys, slipline.serving.client; print('tensorflow' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"


def test_models_versions_and_the_config_in_force_can_be_listed_history_apart(
    observe: Callable[..., Observed], scalers: Path
) -> None:
    seen = observe(model_name="scaler", model_base_path=str(scalers))
    seen.control.reload([scaler(scalers, 1, stable=1)])
    seen.wait_for(1, "AVAILABLE")
    seen.wait_for(2, "END")
    (model,) = seen.rest.get("/v1/models").json()["models"]
    assert [version["version"] for version in model["model_version_status"]] == ["1"]
    assert [version["version"] for version in model["history"]] == ["2"]
    (config,) = seen.rest.get("/v1/config").json()["model_config_list"]["config"]
    assert (config["name"], config["version_labels"]) == ("scaler", {"stable": "1"})
    seen.control.reload([])
    assert seen.rest.get("/v1/models").json() == {"models": []}


def test_versions_that_come_and_go_never_fail_a_request(observe: Callable[..., Observed], scalers: Path) -> None:
    seen = observe(model_name="scaler", model_base_path=str(scalers))
    seen.wait_for(2, "AVAILABLE")
    enough = threading.Event()

    def ask() -> int:
        count = 0
        while not enough.is_set():
            count += seen.answered_by() in (1, 2)
        return count

    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(ask) for _ in range(2)]
        for version, other in ((1, 2), (2, 1)) * 3:
            seen.control.reload([scaler(scalers, version)])
            seen.wait_for(other, "END")
        enough.set()
        assert all(count.result() for count in asked)
