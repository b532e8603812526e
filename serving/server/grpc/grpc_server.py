"""The gRPC side of a server: an event loop that takes requests, and the health of what is served."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health_pb2_grpc

from slipline.serving.errors import ServerUnavailable
from slipline.serving.server.event_loop import EventLoop
from slipline.serving.server.flags.flag_values import channel_arguments
from slipline.serving.server.flags.options import ServerOptions
from slipline.serving.server.grpc.health import Health
from slipline.serving.server.grpc.reflection import add_reflection
from slipline.serving.server.security.auth import TokenCheck, Tokens
from slipline.serving.server.security.tls import grpc_credentials
from slipline.serving.wire.settings_pb2 import SSLConfig

QUIET_S = 0.05  # beyond what was under way in the network when the gate was closed
LONGEST_S = 0.2  # callers that ask again at once, whatever they are told, must not hold up the end


class Gate:
    """Open until it is closed.

    gRPC cancels what arrives once a server has begun to stop, which no client tries again. UNAVAILABLE is tried again,
    and elsewhere; so the gate is closed first, and the server stopped when nobody comes any more.
    """

    def __init__(self) -> None:
        self._is_closed = False
        self._last_s = float("-inf")

    def enter(self) -> None:
        """Returns while the gate is open.

        Raises:
          ServerUnavailable: It is closed.
        """
        self._last_s = time.monotonic()
        if self._is_closed:
            raise ServerUnavailable("the server is stopping; ask again, of another one")

    async def close(self) -> None:
        """Closes the gate, and returns when nobody comes any more; at once if nobody came of late."""
        self._is_closed = True
        end_s = time.monotonic() + LONGEST_S
        while (quiet_s := self._last_s + QUIET_S - time.monotonic()) > 0 and time.monotonic() < end_s:
            await asyncio.sleep(quiet_s)


class GrpcServer:
    """Answers gRPC calls; `open` and `start` it once, then `stop` and `close` it.

    Attributes:
      events: Where the calls are taken; once it is open.
      gate: For requests to pass.
    """

    def __init__(self, options: ServerOptions, *, tls: SSLConfig | None, tokens: Tokens | None) -> None:
        """Nothing listens before `open`."""
        self._options = options
        self._tls = tls
        self._tokens = tokens
        self._is_open = False
        self._health = Health()
        self.gate = Gate()

    def open(self, services: Sequence[grpc.GenericRpcHandler]) -> int:
        """Takes the port for `services`, and those of health and reflection; connections wait from now on.

        Returns:
          The port; 0 if there is a Unix socket only.

        Raises:
          ServerUnavailable: The port is taken, or the address is not of this machine.
        """
        self.events = EventLoop("gRPC")
        self._is_open = True
        return self.events.run(self._open(services))

    def start(self) -> None:
        """Begins to answer."""
        self.events.run(self._server.start())

    def show_readiness(self, ready: Mapping[str, bool]) -> None:
        """Has the health service say of each model whether it is ready, and of the whole whether all are."""
        if self._is_open:
            self.events.run_later(self._health.show(ready))

    def stop(self, grace_s: float) -> None:
        """Says so to probes, takes no more requests, and lets those in flight finish within the grace period."""
        if self._is_open:
            self.events.run(self._health.end())
            self.events.run(self.gate.close())
            self.events.run(self._server.stop(grace_s))

    def close(self) -> None:
        """Ends the event loop, once no model needs it any more."""
        if self._is_open:
            self._is_open = False
            self.events.stop()

    async def _open(self, services: Sequence[grpc.GenericRpcHandler]) -> int:
        options = self._options
        workers = options.grpc_max_threads or 4 * (os.cpu_count() or 1)
        self._server = grpc.aio.server(
            ThreadPoolExecutor(workers, thread_name_prefix="request"),
            interceptors=[TokenCheck(self._tokens)] if self._tokens else [],
            maximum_concurrent_rpcs=options.max_concurrent_requests or None,
            handlers=services,
            options=[
                ("grpc.max_receive_message_length", options.grpc_max_message_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", 0),  # or a second server would quietly share the port
                *channel_arguments(options),
            ],
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if options.enable_grpc_reflection:
            add_reflection(self._server)
        if options.grpc_socket_path:
            self._bind(f"unix:{options.grpc_socket_path}")
            if not options.port:
                return 0
        return self._bind(f"{options.host}:{options.port}")

    def _bind(self, wanted: str) -> int:
        try:
            if self._tls is not None:
                return int(self._server.add_secure_port(wanted, grpc_credentials(self._tls)))
            return int(self._server.add_insecure_port(wanted))
        except RuntimeError as error:
            raise ServerUnavailable(f"cannot listen on {wanted}; is another server there? ({error})") from error
