"""A small web server that shows releases to Prometheus."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

from prometheus_client import CollectorRegistry, start_http_server

from slipline.pipeline.core.errors import SettingsError
from slipline.serving.releases.ledger import Ledger
from slipline.serving.releases.metrics import ReleaseCollector


def serve_metrics(ledger: Ledger, host: str, port: int, *, on_ready: Callable[[str], None]) -> None:
    """Serves until SIGTERM or SIGINT, from the main thread.

    Args:
      ledger: Asked anew at every scrape, and every registered server with it.
      host: Address to listen on.
      port: 0 picks a free one.
      on_ready: Told `host:port` once the port is open.

    Raises:
      SettingsError: The port is taken, or the address is not of this machine.
    """
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: ended.set())
    registry = CollectorRegistry()
    registry.register(ReleaseCollector(ledger))
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise SettingsError(f"cannot listen on {host}:{port}: {error.strerror}; choose another --port") from error
    on_ready(f"{host}:{server.server_port}")
    ended.wait()
    server.shutdown()
    server.server_close()
    thread.join()
