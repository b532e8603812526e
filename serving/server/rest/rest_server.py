"""Listens for HTTP in a thread of its own."""

from __future__ import annotations

import logging
import math
import re
import socket
import threading

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from slipline.serving.errors import ServerUnavailable
from slipline.serving.server.flags.options import ServerOptions
from slipline.serving.server.inference import Inference
from slipline.serving.server.metrics.monitoring import Metrics
from slipline.serving.server.rest.api import RestApi
from slipline.serving.server.rest.app import RestApp
from slipline.serving.server.security.auth import Tokens
from slipline.serving.server.security.tls import ssl_context
from slipline.serving.server.versions.manager import VersionManager
from slipline.serving.wire.settings_pb2 import SSLConfig

log = logging.getLogger(__name__)

MAX_HEAD_BYTES = 64 * 1024
BACKLOG = 2048
_UPGRADE = re.compile(rb"\r\nUpgrade:", re.IGNORECASE)


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's connection, with an end to how long a request's head may become, and without upgrades."""

    _in_head = True
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Takes what came; ends the connection if it is a head without end."""
        if self._in_head:
            self._head_bytes += len(data)
            data = _without_upgrade(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response(f"the request's head is larger than {MAX_HEAD_BYTES} bytes")

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._in_head, self._head_bytes = False, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """What comes next is another head."""
        self._in_head = True
        super().on_message_complete()


def _without_upgrade(data: bytes) -> bytes:
    """The bytes with no offer to change to HTTP/2, as Java's client makes one: the parser would lose the body then."""
    if not _UPGRADE.search(data):
        return data
    head, end, body = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"\r\nX-Offered:", head) + end + body


class RestServer:
    """Serves models over HTTP, or HTTPS, as options say; `start` once, then `stop` once."""

    def __init__(
        self,
        options: ServerOptions,
        inference: Inference,
        versions: VersionManager,
        metrics: Metrics,
        *,
        tls: SSLConfig | None,
        tokens: Tokens | None,
    ) -> None:
        """Nothing listens before `start`; HTTPS if there is `tls`.

        Raises:
          ConfigRefused: The monitoring's config cannot be used.
        """
        self._app = RestApp(options, RestApi(options, inference, versions, metrics), versions, metrics, tokens)
        self._host = options.host.strip("[]")
        self._port = options.rest_api_port
        self._tls = tls
        config = uvicorn.Config(
            self._app,
            http=BoundedProtocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=math.ceil(options.shutdown_grace_seconds),
        )
        config.load()
        if tls is not None:
            config.ssl = ssl_context(tls)  # uvicorn's own settings want the key in a file
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    def start(self) -> str:
        """Listens; the address as a URL without a path, with the port that was picked.

        Raises:
          ServerUnavailable: The port is taken, or the address is not of this machine.
        """
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        dual = self._host == "::" and socket.has_dualstack_ipv6()
        try:
            listener = socket.create_server(
                (self._host, self._port), family=family, backlog=BACKLOG, dualstack_ipv6=dual
            )
        except OSError as error:
            raise ServerUnavailable(
                f"cannot listen for REST on {self._host}:{self._port}; is another server there? ({error})"
            ) from error
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it; 40 ms an answer else
        port = listener.getsockname()[1]
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="REST", daemon=True)
        self._thread.start()
        shown = f"[{self._host}]" if family == socket.AF_INET6 else self._host
        address = f"{'https' if self._tls else 'http'}://{shown}:{port}"
        log.info("REST server at %s", address)
        return address

    def stop(self) -> None:
        """Takes no more requests, and returns once those in flight are answered or the grace period is over."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
        self._app.close()
