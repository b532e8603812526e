from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from slipline.serving.client import PredictClient
from slipline.serving.client.control import ServerControl
from slipline.serving.errors import ConfigRefused, ServerUnavailable
from slipline.serving.folders.model_config import ServedModel, write_config
from slipline.serving.server.flags.options import ServerOptions
from slipline.serving.server.process import Server
from tests.serving.conftest import until

pytestmark = pytest.mark.slow  # real processes, or whole steps, for each test

ROOT = Path(__file__).parents[3]
X = np.array([1, 2], "float32")

Connect = Callable[..., PredictClient]
Start = Callable[..., Server]
Publish = Callable[[int], Path]


def served(base: Path, *versions: int, **labels: int) -> list[ServedModel]:
    return [ServedModel(name="scaler", base_path=str(base), versions=versions, labels=labels)]


def wait_for_end(control: ServerControl, version: int) -> None:
    until(lambda: {status.version: status.state for status in control.status("scaler")}.get(version) == "END")


class Callers:
    """Threads that ask without a pause, and keep every answer."""

    def __init__(self, client: PredictClient, count: int, **spec: Any) -> None:
        self._client, self._spec = client, spec
        self._enough = threading.Event()
        self._changed = threading.Condition()
        self.versions: list[int] = []
        self.failures: list[Exception] = []
        self._threads = [threading.Thread(target=self._ask) for _ in range(count)]

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join()

    def wait_for_answer_of(self, version: int) -> None:
        with self._changed:
            begin = len(self.versions)
            assert self._changed.wait_for(lambda: version in self.versions[begin:] or self.failures, 60)

    def _ask(self) -> None:
        while not self._enough.is_set():
            try:
                prediction = self._client.predict({"x": X}, **self._spec)
                assert prediction.outputs["y"][0] == 10 * prediction.version
            except Exception as error:  # every failure counts
                self.failures.append(error)
                return
            with self._changed:
                self.versions.append(prediction.version)
                self._changed.notify_all()


def test_process_serves_switches_and_ends_without_losing_a_request(
    start_process: Callable[..., Any], connect: Connect, scalers: Path, tmp_path: Path
) -> None:
    config = tmp_path / "models.config"
    write_config(config, served(scalers, 1, stable=1))
    process = start_process(f"--model_config_file={config}", "--file_system_poll_wait_seconds=0.1")
    client = connect(process.address)
    client.wait_until_available(1)
    with (
        ServerControl(process.address) as control,
        Callers(client, 4) as latest,
        Callers(client, 4, label="stable") as labelled,
    ):
        for version, other in ((2, 1), (1, 2), (2, 1)):
            control.reload(served(scalers, version, stable=version))
            latest.wait_for_answer_of(version)
            labelled.wait_for_answer_of(version)
            wait_for_end(control, other)
            latest.wait_for_answer_of(version)
    assert latest.failures == labelled.failures == []
    status, log = process.end()
    assert (status, "Traceback" in log) == (0, False)


def test_sigterm_lets_requests_in_flight_finish(
    start_process: Callable[..., Any], connect: Connect, scalers: Path
) -> None:
    process = start_process("--model_name=scaler", f"--model_base_path={scalers}")
    client = connect(process.address)
    client.wait_until_available()
    with ThreadPoolExecutor(1) as threads, Callers(client, 2) as callers:
        long = threads.submit(client.predict, {"steps": np.array(100_000)}, signature="count")
        callers.wait_for_answer_of(2)
        callers.wait_for_answer_of(2)
        status, _ = process.end()
        assert long.result().outputs["counted"] == 100_000
    assert status == 0
    assert {type(failure) for failure in callers.failures} == {ServerUnavailable}


def test_server_that_is_told_so_stops_when_its_standard_input_ends(
    start_process: Callable[..., Any], connect: Connect, scalers: Path
) -> None:
    """A child's input ends with its parent, even if that one is killed."""
    server = start_process("--model_name=scaler", f"--model_base_path={scalers}", "--stop_at_stdin_end")
    server.process.communicate("what comes before is passed over", timeout=60)
    status, log = server.end()
    assert (status, "Fatal" in log, "Traceback" in log) == (0, False, False)


def test_server_stops_on_sigterm_while_it_awaits_the_end_of_its_standard_input(
    start_process: Callable[..., Any], connect: Connect, scalers: Path
) -> None:
    process = start_process("--model_name=scaler", f"--model_base_path={scalers}", "--stop_at_stdin_end")
    connect(process.address).wait_until_available()
    process.process.terminate()
    process.process.wait(60)
    status, log = process.end()
    assert (status, "Fatal" in log, "Traceback" in log) == (0, False, False)


def test_unknown_flag_is_reported_and_the_server_starts(
    start_process: Callable[..., Any], connect: Connect, scalers: Path
) -> None:
    process = start_process("--model_name=scaler", f"--model_base_path={scalers}", "--nix=1")
    connect(process.address).wait_until_available()
    _, log = process.end()
    assert "unknown flag, ignored: --nix=1" in log


@pytest.mark.parametrize(
    ("flags", "status", "words"),
    [
        ([], 255, "Failed to start server. Error: nothing to serve"),
        (["--port=x"], 255, "--port takes a value of type int"),
        (["--help"], 255, "--model_base_path="),
        (["--model_config_file=/nix"], 255, "Failed to start server. Error: Invalid protobuf file: '/nix'"),
        (["--model_base_path=relative"], 255, "absolute path"),
        (["--version"], 0, "TensorFlow ModelServer: "),
    ],
)
def test_flags_that_start_no_server_end_with_a_word_on_stdout(flags: list[str], status: int, words: str) -> None:
    command = [sys.executable, "-m", "slipline.serving.server", *flags]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, words in ended.stdout, "Traceback" in ended.stderr) == (status, True, False)


def test_serving_process_never_imports_tensorflow_and_says_nothing_else_on_stderr(scalers: Path) -> None:
    code = f"""
import sys, numpy
from slipline.serving.client import PredictClient
from slipline.serving.server.flags.options import ServerOptions
from slipline.serving.server.process import Server
with Server(ServerOptions(port=0, model_name="scaler", model_base_path={str(scalers)!r})) as server:
    with PredictClient.connect(server.address, "scaler", timeout_s=30) as client:
        client.wait_until_available()
        print(client.predict({{"x": numpy.float32([1])}}).version, "tensorflow" in sys.modules)
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("2 False\n", "")


def test_half_copied_version_is_refused_while_the_old_one_answers(
    start: Start, connect: Connect, base: Path, publish: Publish
) -> None:
    publish(1)
    server = start(model_name="scaler", model_base_path=str(base))
    client = connect(server.address)
    client.wait_until_available(1)
    with Callers(client, 2) as callers, ServerControl(server.address) as control:
        publish(2).joinpath("variables", "variables.index").unlink()
        wait_for_end(control, 2)
        callers.wait_for_answer_of(1)
    assert (callers.failures, set(callers.versions)) == ([], {1})


def test_port_is_open_before_any_model_is_there(start: Start, connect: Connect, base: Path, publish: Publish) -> None:
    server = start(model_name="scaler", model_base_path=str(base))
    assert readiness(server, "", "scaler", "ModelService") == ["NOT_SERVING"] * 3
    publish(1)
    connect(server.address).wait_until_available()
    assert readiness(server, "", "scaler", "ModelService") == ["SERVING"] * 3


def readiness(server: Server, *names: str) -> list[str]:
    with grpc.insecure_channel(server.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        answers = [stub.Check(health_pb2.HealthCheckRequest(service=name)) for name in names]
    return [health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status) for answer in answers]


def test_one_model_that_is_missing_makes_the_whole_server_not_ready(
    start: Start, connect: Connect, scalers: Path, base: Path, tmp_path: Path
) -> None:
    config = tmp_path / "models.config"
    missing = ServedModel(name="missing", base_path=str(base), versions=(1,))
    write_config(config, [*served(scalers, 1), missing])
    server = start(model_config_file=str(config))
    connect(server.address).wait_until_available()
    assert readiness(server, "", "scaler", "missing") == ["NOT_SERVING", "SERVING", "NOT_SERVING"]
    with ServerControl(server.address) as control:
        control.reload(served(scalers, 1))
    assert readiness(server, "", "scaler", "missing") == ["SERVING", "SERVING", "SERVICE_UNKNOWN"]


def test_polled_config_file_is_followed_and_a_broken_one_changes_nothing(
    start: Start, connect: Connect, scalers: Path, tmp_path: Path
) -> None:
    config = tmp_path / "models.config"
    write_config(config, served(scalers, 1, stable=1))
    server = start(model_config_file=str(config), model_config_file_poll_wait_seconds=0.05)
    client = connect(server.address)
    client.wait_until_available(1)
    config.write_text("broken {")
    assert client.predict({"x": X}, label="stable").version == 1
    write_config(config, served(scalers, 1, 2, stable=2))
    client.wait_until_available(2)
    assert client.predict({"x": X}, label="stable").version == 2


def test_polling_a_file_that_stays_the_same_leaves_a_reload_in_force(
    start: Start, connect: Connect, scalers: Path, tmp_path: Path
) -> None:
    config = tmp_path / "models.config"
    write_config(config, served(scalers, 1, stable=1))
    server = start(model_config_file=str(config), model_config_file_poll_wait_seconds=0.01)
    client = connect(server.address)
    client.wait_until_available(1)
    with ServerControl(server.address) as control, Callers(client, 1) as callers:
        control.reload(served(scalers, 2, stable=2))
        for _ in range(20):
            callers.wait_for_answer_of(2)
        for _ in range(20):
            callers.wait_for_answer_of(2)
        assert client.predict({"x": X}, label="stable").version == 2


def test_label_and_its_version_may_come_in_one_config(
    start: Start, connect: Connect, scalers: Path, tmp_path: Path
) -> None:
    """TensorFlow Serving refuses both at start and in a reload: it checks labels before it loads."""
    config = tmp_path / "models.config"
    write_config(config, served(scalers, 1, stable=1))
    server = start(model_config_file=str(config))
    client = connect(server.address)
    client.wait_until_available(1)
    with ServerControl(server.address) as control, Callers(client, 2, label="stable") as callers:
        control.reload(served(scalers, 1, 2, stable=2, canary=2))
        callers.wait_for_answer_of(2)
    assert callers.failures == []


def test_port_that_is_taken_is_an_error_with_a_remedy(start: Start, scalers: Path) -> None:
    taken = int(start(model_name="scaler", model_base_path=str(scalers)).address.rpartition(":")[2])
    second = Server(ServerOptions(port=taken, model_name="scaler", model_base_path=str(scalers)))
    with pytest.raises(ServerUnavailable, match=f"cannot listen on 127.0.0.1:{taken}; is another server there"):
        second.start()
    second.stop()


def test_server_without_a_model_is_refused() -> None:
    server = Server(ServerOptions(port=0))
    with pytest.raises(ConfigRefused, match="nothing to serve"):
        server.start()
    server.stop()
