from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from click.testing import CliRunner, Result

from slipline.pipeline.app.cli.main import main
from tests.serving.client.doubling import DoublingServer


@pytest.fixture
def server() -> Iterator[DoublingServer]:
    server = DoublingServer()
    yield server
    server.stop()


def load_tested(server: DoublingServer, *arguments: str) -> Result:
    brief = ["--duration", "0.1", "--warm-up", "0.02", "--target", server.address]
    return CliRunner().invoke(main, ["load-test", "double", *arguments, *brief])


def measured(server: DoublingServer, *arguments: str) -> Any:
    result = load_tested(server, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_closed_loop_tells_percentiles_throughput_and_its_blind_spot(server: DoublingServer) -> None:
    printed = load_tested(server, "--concurrency", "3").output
    for words in ("throughput", "p50", "p99.9", "errors", "coordinated omission", "with 3 under way at once"):
        assert words in printed
    found = measured(server, "--concurrency", "3")
    assert found["answers"] > 0
    assert 0 < found["latency"]["p50_ms"] <= found["latency"]["p99_ms"] <= found["latency"]["max_ms"]
    assert (found["loop"], found["coordinated_omission"], found["errors"]) == ("closed", True, {})


def test_open_loop_asks_at_the_rate_given(server: DoublingServer) -> None:
    found = measured(server, "--rate", "200")
    assert (found["loop"], found["coordinated_omission"], found["rate_per_s"]) == ("open", False, 200)
    assert 3 <= found["answers"] <= 60
    assert "no coordinated omission" in load_tested(server, "--rate", "200").output


def test_requests_are_made_up_or_read(server: DoublingServer, tmp_path: Path) -> None:
    measured(server, "--rows", "5")
    assert server.seen[-1][1].inputs["x"].tensor_shape.dim[0].size == 5
    (tmp_path / "a.json").write_text('{"x": [1, 2, 3]}')
    measured(server, str(tmp_path / "a.json"))
    assert server.seen[-1][1].inputs["x"].tensor_shape.dim[0].size == 3


def test_callers_may_share_requests(server: DoublingServer) -> None:
    found = measured(server, "--concurrency", "8", "--client-batching")
    assert found["errors"] == {}
    assert max(request.inputs["x"].tensor_shape.dim[0].size for name, request in server.seen if name == "Predict") > 1


def test_errors_are_counted_by_kind(server: DoublingServer) -> None:
    def refuse_all_but_the_first(method: str, request: Any, context: grpc.ServicerContext) -> None:
        if method == "Predict" and server.count() > 1:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many")

    server.behave = refuse_all_but_the_first
    assert set(measured(server)["errors"]) == {"Overloaded"}


def test_load_that_could_only_fail_ends_before_it_begins(server: DoublingServer) -> None:
    server.behave = lambda method, request, context: context.abort(grpc.StatusCode.NOT_FOUND, "Latest(double)")
    result = load_tested(server)
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
