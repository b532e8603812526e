"""Prometheus metrics of a client's calls. Needs the package prometheus-client."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from slipline.serving.client.observer import CallEnded, CallStarted

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

LATENCY_BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class PrometheusObserver:
    """Counts calls by model, method and status, with their latencies, sizes and extra attempts."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Makes the metrics, once per registry; by default in the process-wide one."""
        from prometheus_client import REGISTRY, Counter, Gauge, Histogram

        registry = registry or REGISTRY
        call = ("model", "method")
        self._calls = Counter(
            "slipline_client_calls", "Calls that ended, by gRPC status", (*call, "code"), registry=registry
        )
        self._attempts = Counter(
            "slipline_client_extra_attempts", "Retries and hedges that were sent", call, registry=registry
        )
        self._latency = Histogram(
            "slipline_client_call_seconds",
            "Time from call to answer, pauses and retries included",
            call,
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self._under_way = Gauge("slipline_client_calls_under_way", "Calls not yet ended", call, registry=registry)
        self._sent = Counter("slipline_client_request_bytes", "Requests, each counted once", call, registry=registry)
        self._received = Counter("slipline_client_response_bytes", "Answers", call, registry=registry)

    def begin(self, call: CallStarted, /) -> Callable[[CallEnded], None]:
        """Counts the call as under way until it ends."""
        labels = (call.model, call.method.rpartition("/")[2])
        self._under_way.labels(*labels).inc()
        self._sent.labels(*labels).inc(call.request_bytes)

        def end(ended: CallEnded) -> None:
            self._under_way.labels(*labels).dec()
            self._calls.labels(*labels, ended.code).inc()
            self._latency.labels(*labels).observe(ended.seconds)
            self._received.labels(*labels).inc(ended.response_bytes)
            self._attempts.labels(*labels).inc(max(ended.attempts - 1, 0))

        return end
