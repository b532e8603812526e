from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.errors import ServerUnavailable
from serving.options import ServerOptions
from serving.server import Server

ROOT = Path(__file__).parents[3]
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


def test_stopped_server_answers_what_it_had_begun(start: Callable[..., Server], forms: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    server = start(rest_api_port=port, model_name="forms", model_base_path=str(forms))
    with httpx.Client(base_url=str(server.rest_address), timeout=60, trust_env=False) as rest:
        while rest.get("/readyz").status_code != 200:
            pass
        with ThreadPoolExecutor(1) as threads:
            body: Any = {"signature_name": "count", "inputs": 100_000}
            long = threads.submit(rest.post, "/v1/models/forms:predict", json=body)
            metrics = server._metrics.render
            while b"forms" not in metrics() and not long.running():
                pass
            server.stop()
            assert long.result().json() == {"outputs": 100_000}
        with pytest.raises(httpx.ConnectError):
            rest.get("/healthz")


def test_server_of_grpc_alone_imports_no_http_server(forms: Path) -> None:
    code = f"""
import sys
from serving.options import ServerOptions
from serving.server import Server
with Server(ServerOptions(port=0, model_name="forms", model_base_path={str(forms)!r})):
    print({{"uvicorn", "starlette", "httptools"}} & set(sys.modules))
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"
