"""OpenTelemetry traces of a client's calls. Needs the package opentelemetry-api, and an SDK to send them anywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from slipline.serving.client.observer import CallEnded, CallStarted

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider


class OpenTelemetryObserver:
    """Makes a span of each call, and sends its context along, so that a server's spans become its children.

    Names are those of OpenTelemetry's semantic conventions for RPC.
    """

    def __init__(self, tracer_provider: TracerProvider | None = None) -> None:
        """Traces with that provider; by default the process-wide one."""
        from opentelemetry import trace

        self._tracer = trace.get_tracer("slipline.serving.client", tracer_provider=tracer_provider)

    def begin(self, call: CallStarted, /) -> Callable[[CallEnded], None]:
        """Starts a span under the current one."""
        from opentelemetry import propagate, trace

        service, _, method = call.method.partition("/")
        span = self._tracer.start_span(
            call.method,
            kind=trace.SpanKind.CLIENT,
            attributes={
                "rpc.system": "grpc",
                "rpc.service": service,
                "rpc.method": method,
                "server.address": call.target,
                "slipline.model": call.model,
            },
        )
        carrier: dict[str, str] = {}
        propagate.inject(carrier, trace.set_span_in_context(span))
        call.headers.extend((key.lower(), value) for key, value in carrier.items())

        def end(ended: CallEnded) -> None:
            span.set_attribute("rpc.response.status_code", ended.code)
            span.set_attribute("slipline.attempts", ended.attempts)
            if ended.target:
                span.set_attribute("network.peer.address", ended.target)
            if ended.code != "OK":
                span.set_status(trace.StatusCode.ERROR, ended.code)
            span.end()

        return end
