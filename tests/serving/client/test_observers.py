"""Metrics and traces, with the real packages; neither is imported unless it is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import pytest

from slipline.serving.client import CallEnded, CallStarted, ClientSettings
from slipline.serving.client.opentelemetry import OpenTelemetryObserver
from slipline.serving.client.prometheus import PrometheusObserver
from slipline.serving.errors import BadRequest

X = np.array([1, 2], "float32")
CALL = {"model": "double", "method": "Predict"}


class Noted:
    """Keeps all it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[CallStarted, CallEnded]] = []

    def begin(self, call: CallStarted, /) -> Callable[[CallEnded], None]:
        call.headers.append(("x-noted", "yes"))
        return lambda ended: self.calls.append((call, ended))


def refuse_first(server: Any, code: grpc.StatusCode) -> None:
    server.behave = lambda method, request, context: (
        method == "Predict" and server.count() == 1 and context.abort(code, "no")
    )


def test_observer_is_told_of_each_call_once_with_its_attempts(client_of: Callable[..., Any], serve: Any) -> None:
    server, noted = serve(), Noted()
    refuse_first(server, grpc.StatusCode.UNAVAILABLE)
    client = client_of(server.address, settings=ClientSettings(check_signature=False, observers=[noted]))
    client.predict({"x": X})
    ((started, ended),) = noted.calls
    assert started.method == "tensorflow.serving.PredictionService/Predict"
    assert (ended.code, ended.attempts, ended.target) == ("OK", 2, server.address)
    assert min(started.request_bytes, ended.response_bytes) > 8
    assert server.headers[-1]["x-noted"] == "yes"


def test_prometheus_counts_calls_by_status_with_latencies_sizes_and_retries() -> None:
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry()
    observer = PrometheusObserver(registry)
    for code, attempts, seconds in (("OK", 3, 0.25), ("UNKNOWN", 0, 7.0)):
        started = CallStarted(
            model="double", method="tensorflow.serving.PredictionService/Predict", target="a", request_bytes=7
        )
        end = observer.begin(started)
        assert registry.get_sample_value("slipline_client_calls_under_way", CALL) == 1
        end(CallEnded(code=code, seconds=seconds, attempts=attempts, target="a", response_bytes=11))
    samples = [sample for metric in registry.collect() for sample in metric.samples]
    found = {(each.name, each.labels.get("code") or each.labels.get("le")): each.value for each in samples}
    assert all(CALL.items() <= each.labels.items() for each in samples)
    name = "slipline_client"
    below = dict.fromkeys(["0.0005", "0.001", "0.002", "0.005", "0.01", "0.02", "0.05", "0.1", "0.2"], 0)
    below |= dict.fromkeys(["0.5", "1.0", "2.0", "5.0"], 1) | dict.fromkeys(("10.0", "+Inf"), 2)
    assert {key: value for key, value in found.items() if not key[0].endswith("_created")} == {
        (f"{name}_calls_total", "OK"): 1,
        (f"{name}_calls_total", "UNKNOWN"): 1,
        (f"{name}_extra_attempts_total", None): 2,
        (f"{name}_calls_under_way", None): 0,
        (f"{name}_request_bytes_total", None): 14,
        (f"{name}_response_bytes_total", None): 22,
        (f"{name}_call_seconds_count", None): 2,
        (f"{name}_call_seconds_sum", None): 7.25,
        **{(f"{name}_call_seconds_bucket", bound): count for bound, count in below.items()},
    }


def test_opentelemetry_traces_calls_and_sends_the_context_along(client_of: Callable[..., Any], serve: Any) -> None:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    server, spans, provider = serve(), InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    settings = ClientSettings(check_signature=False, observers=[OpenTelemetryObserver(provider)])
    client = client_of(server.address, settings=settings)
    with provider.get_tracer("test").start_as_current_span("outer") as outer:
        client.predict({"x": X})
    server.behave = lambda method, request, context: context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no")
    with pytest.raises(BadRequest):
        client.predict({"x": X})
    good, _, bad = spans.get_finished_spans()
    assert good.name == "tensorflow.serving.PredictionService/Predict"
    assert good.parent is not None
    assert good.parent.span_id == outer.get_span_context().span_id
    assert server.headers[0]["traceparent"].split("-")[2] == f"{good.context.span_id:016x}"
    of_call = {
        "rpc.system": "grpc",
        "rpc.service": "tensorflow.serving.PredictionService",
        "rpc.method": "Predict",
        "server.address": server.address,
        "network.peer.address": server.address,
        "slipline.model": "double",
        "slipline.attempts": 1,
    }
    assert good.attributes == {**of_call, "rpc.response.status_code": "OK"}
    assert bad.attributes == {**of_call, "rpc.response.status_code": "INVALID_ARGUMENT"}
    assert (good.status.is_ok, bad.status.is_ok, bad.status.description) == (True, False, "INVALID_ARGUMENT")
