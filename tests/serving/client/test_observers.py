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


def test_prometheus_counts_calls_by_status_with_latencies_and_retries(
    client_of: Callable[..., Any], serve: Any
) -> None:
    from prometheus_client import CollectorRegistry

    server, registry = serve(), CollectorRegistry()
    observers = [PrometheusObserver(registry)]
    client = client_of(server.address, settings=ClientSettings(check_signature=False, observers=observers))
    refuse_first(server, grpc.StatusCode.UNAVAILABLE)
    client.predict({"x": X})
    server.behave = lambda method, request, context: context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no")
    with pytest.raises(BadRequest):
        client.predict({"x": X})
    call = {"model": "double", "method": "Predict"}
    found = registry.get_sample_value
    assert found("slipline_client_calls_total", {**call, "code": "OK"}) == 1
    assert found("slipline_client_calls_total", {**call, "code": "INVALID_ARGUMENT"}) == 1
    assert found("slipline_client_extra_attempts_total", call) == 1
    assert found("slipline_client_call_seconds_count", call) == 2
    assert found("slipline_client_calls_under_way", call) == 0


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
    assert good.attributes is not None
    assert (good.attributes["rpc.system"], good.attributes["slipline.attempts"]) == ("grpc", 1)
    assert (good.status.is_ok, bad.status.is_ok) == (True, False)
