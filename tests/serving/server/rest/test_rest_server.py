from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from slipline.serving.client import PredictClient
from slipline.serving.errors import ServerUnavailable, ServingError
from slipline.serving.server.flags.options import ServerOptions
from slipline.serving.server.process import Server
from tests.serving.conftest import until
from tests.serving.server.rest.conftest import once_there_is_room

ROOT = Path(__file__).parents[4]
StartRest = Callable[..., httpx.Client]


def test_rest_port_that_is_taken_is_an_error_with_a_remedy(forms: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = Server(ServerOptions(port=0, rest_api_port=port, model_name="forms", model_base_path=str(forms)))
        with pytest.raises(ServerUnavailable, match=f"cannot listen for REST on 127.0.0.1:{port}; is another server"):
            server.start()
        server.stop()


def test_rest_port_that_is_the_grpc_port_means_no_rest(forms: Path, caplog: pytest.LogCaptureFixture) -> None:
    Server(ServerOptions(port=8500, rest_api_port=8500, model_name="forms", model_base_path=str(forms))).stop()
    assert "--rest_api_port is --port, 8500; there is no REST" in caplog.text


def test_metrics_without_rest_are_warned_of(forms: Path, caplog: pytest.LogCaptureFixture) -> None:
    Server(ServerOptions(port=0, model_base_path=str(forms), monitoring_config_file="/nix")).stop()
    assert "--monitoring_config_file has no effect without --rest_api_port" in caplog.text


def test_stopped_server_answers_what_it_had_begun(start_rest: StartRest, servers: list[Server], forms: Path) -> None:
    rest = start_rest(model_name="forms", model_base_path=str(forms), max_concurrent_requests=1)
    with ThreadPoolExecutor(1) as threads:
        body: Any = {"signature_name": "count", "inputs": 200_000}
        long = threads.submit(once_there_is_room, lambda: rest.post("/v1/models/forms:predict", json=body))
        until(lambda: rest.get("/v1/models/forms").status_code == 429)
        servers[0].stop()
        assert long.result().json() == {"outputs": 200_000}
    with pytest.raises(httpx.ConnectError):
        rest.get("/healthz")


def test_process_serves_rest_until_it_is_told_to_stop(
    start_process: Callable[..., Any], free_port: int, forms: Path
) -> None:
    process = start_process("--model_name=forms", f"--model_base_path={forms}", f"--rest_api_port={free_port}")
    with httpx.Client(base_url=f"http://127.0.0.1:{free_port}", timeout=60, trust_env=False) as rest:
        until(lambda: rest.get("/readyz").status_code == 200)
        assert rest.post("/v1/models/forms:predict", json={"instances": [1]}).json() == {"predictions": [2.0]}
        status, log = process.end()
    assert (status, "Traceback" in log, f"REST server at http://127.0.0.1:{free_port}" in log) == (0, False, True)


@pytest.mark.parametrize("flag", ["ssl_config_file", "auth_token_file", "monitoring_config_file"])
def test_file_that_cannot_be_read_starts_no_server(flag: str, free_port: int) -> None:
    command = [sys.executable, "-m", "slipline.serving.server", "--model_base_path=/m", f"--rest_api_port={free_port}"]
    ended = subprocess.run([*command, f"--{flag}=/nix"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, "Failed to start server. Error: " in ended.stdout, "/nix" in ended.stdout) == (
        255,
        True,
        True,
    )


def test_grpc_refuses_what_is_beyond_its_limits(start: Callable[..., Server], forms: Path) -> None:
    server = start(
        model_name="forms", model_base_path=str(forms), grpc_max_message_bytes=1000, max_concurrent_requests=1
    )
    with (
        PredictClient.connect(server.address, "forms", timeout_s=60) as client,
        ThreadPoolExecutor(8) as threads,
    ):
        client.wait_until_available()
        with pytest.raises(ServingError, match="larger than max"):
            client.predict({"x": np.zeros(1000, "float32")})
        steps = {"steps": np.array(50_000)}
        calls = [threads.submit(client.predict, steps, signature="count") for _ in range(8)]
        refused = [str(call.exception()) for call in calls if call.exception()]
        assert any("Concurrent RPC limit exceeded" in text for text in refused)


def test_server_of_grpc_alone_imports_no_http_server(forms: Path) -> None:
    code = f"""
import sys
from slipline.serving.server.flags.options import ServerOptions
from slipline.serving.server.process import Server
with Server(ServerOptions(port=0, model_name="forms", model_base_path={str(forms)!r})):
    print({{"uvicorn", "starlette", "httptools"}} & set(sys.modules))
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"
