"""`slipline serve`: its ports, and the page."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from slipline.pipeline.app.cli.main import main
from tests.embedded_server import ROOT, free_port

SLIPLINE = "from slipline.pipeline.app.cli.main import main; main(prog_name='slipline')"
LIST_MODULES = "import atexit, sys; atexit.register(lambda: print(*sorted(sys.modules)))"


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port at which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def served(home: Path, *arguments: str, preface: str = "") -> subprocess.Popen[str]:
    """`slipline serve` as a process."""
    return subprocess.Popen(
        [sys.executable, "-c", f"{preface}\n{SLIPLINE}", "serve", "--port=0", *arguments],
        cwd=ROOT,
        env={**os.environ, "SLIPLINE_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def lines_of(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline().rstrip("\n") for _ in range(count)]


@pytest.mark.slow
def test_demo_shows_the_page_by_rest_and_says_where_and_imports_no_tensorflow(tmp_path: Path) -> None:
    port = free_port()
    with served(tmp_path, "--demo", f"--rest-port={port}", preface=LIST_MODULES) as process:
        address = f"http://127.0.0.1:{port}/demo"
        assert lines_of(process, 2)[1] == f"draw a digit at {address}"
        assert "Draw a digit" in httpx.get(address, trust_env=False).text
        assert httpx.get(f"{address}/live.json", trust_env=False).json() == {"models": []}
        process.send_signal(signal.SIGTERM)
        stopped, modules = lines_of(process, 2)
    assert (stopped, process.returncode) == ("stopped", 0)
    assert {"slipline.serving.server.demo.site", "uvicorn"} <= set(modules.split())
    assert "tensorflow" not in modules.split()


@pytest.mark.slow
def test_without_demo_there_is_rest_alone_and_without_its_port_no_http_server_is_even_imported(tmp_path: Path) -> None:
    port = free_port()
    with (
        served(tmp_path / "a", f"--rest-port={port}", preface=LIST_MODULES) as rest,
        served(tmp_path / "b", preface=LIST_MODULES) as plain,
    ):
        assert lines_of(rest, 2)[1] == f"REST at http://127.0.0.1:{port}/v1/models"
        assert httpx.get(f"http://127.0.0.1:{port}/v1/models", trust_env=False).json() == {"models": []}
        assert httpx.get(f"http://127.0.0.1:{port}/demo", trust_env=False).status_code == 404
        lines_of(plain, 1)
        for process in (rest, plain):
            process.send_signal(signal.SIGTERM)
        with_rest, without = (lines_of(process, 2)[1].split() for process in (rest, plain))
    assert "slipline.serving.server.demo.site" not in with_rest
    assert not {"uvicorn", "starlette", "slipline.serving.server.rest.app"} & set(without)


def test_a_rest_port_that_is_taken_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken_port: int
) -> None:
    monkeypatch.setenv("SLIPLINE_HOME", str(tmp_path))
    result = CliRunner().invoke(main, ["serve", "--port=0", "--demo", f"--rest-port={taken_port}"])
    assert result.exit_code == 1
    taken = f"Error: cannot listen for REST on 127.0.0.1:{taken_port}; is another server there?"
    assert result.output.startswith(taken)
    assert result.output.count("\n") == 1


def test_grpc_and_rest_cannot_share_a_port() -> None:
    result = CliRunner().invoke(main, ["serve", "--demo", "--port=8501"])
    assert result.exit_code == 2
    assert "gRPC and REST take a port each" in result.output
