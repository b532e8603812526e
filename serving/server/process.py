"""The embedded model server: `python -m slipline.serving.server --model_name=mnist --model_base_path=/models/mnist`.

It takes TensorFlow Serving's flags and answers as it does, so that either can stand in for the other. Unlike it, the
port opens at once, and no failing model keeps another from being served.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from slipline.serving.errors import ConfigRefused, ServerUnavailable
from slipline.serving.folders.model_config import PLATFORM
from slipline.serving.models.loaded_model import LoadedModel
from slipline.serving.server.flags.flag_values import load_policy
from slipline.serving.server.flags.options import BadFlag, ServerOptions, parse_flags, usage, warnings_for
from slipline.serving.server.grpc.grpc_server import GrpcServer
from slipline.serving.server.grpc.services import ModelService, PredictionService, ProfilerService
from slipline.serving.server.inference import Inference
from slipline.serving.server.methods.methods import Methods
from slipline.serving.server.metrics.monitoring import Metrics
from slipline.serving.server.preparation import Preparation
from slipline.serving.server.security.auth import Tokens
from slipline.serving.server.security.tls import read_ssl_config
from slipline.serving.server.stop_request import stop_request
from slipline.serving.server.versions.manager import VersionManager
from slipline.serving.server.versions.memory import keep_freed_memory
from slipline.serving.server.versions.sources import ConfigInForce, ModelSource, read_config, read_config_file
from slipline.serving.wire import serving_pb2

if TYPE_CHECKING:
    from slipline.serving.server.rest.rest_server import RestServer

log = logging.getLogger(__name__)

# gRPC leaves 6 objects a request in a cycle. To collect 2,000 takes half a millisecond, in which requests wait, to
# collect 50,000 takes 20. With Python's own 700, the lists of a large request in JSON are looked at more often.
OBJECTS_BETWEEN_COLLECTIONS = 2_000
SHORTEST_UNLOAD_S = 1.0
EXIT_USAGE = 255  # as TensorFlow Serving


class Server:
    """A model server in this process; a context manager that starts and stops it."""

    def __init__(self, options: ServerOptions) -> None:
        """Nothing listens and nothing is loaded before `start`.

        Raises:
          ConfigRefused: A file with keys, tokens or the monitoring's config cannot be used.
        """
        self.options = options
        self.address = f"{options.host}:{options.port}"
        self._tls = read_ssl_config(Path(options.ssl_config_file)) if options.ssl_config_file else None
        self._tokens = Tokens.read(Path(options.auth_token_file)) if options.auth_token_file else None
        self._grpc = GrpcServer(options, tls=self._tls, tokens=self._tokens)
        self._metrics = Metrics(lambda: self._versions.models())  # noqa: PLW0108  they come after it
        self._versions = VersionManager(
            self._load, load_policy(options), self._grpc.show_readiness, on_attempt=self._metrics.observe_load
        )
        methods = Methods(
            check_method_names=options.enable_signature_method_name_check,
            packed_outputs=options.enable_serialization_as_tensor_content,
        )
        self._preparation = Preparation(options, methods, self._metrics)
        self._inference = Inference(self._versions, methods, self._metrics.observe_runtime)
        self._config = ConfigInForce(self._versions.configure)
        self._stopping = threading.Event()
        self._rest = self._rest_server() if options.rest_api_port else None
        self.rest_address: str | None = None
        if options.monitoring_config_file and self._rest is None:
            log.warning("--monitoring_config_file has no effect without --rest_api_port, where the metrics are shown")

    def start(self) -> str:
        """Listens, and begins to load; the address, with the port that was picked.

        Raises:
          ConfigRefused: The options name no model, or a config that cannot be followed; nothing listens then.
          ServerUnavailable: The port is taken, or the address is not of this machine.
        """
        sources = _sources(self.options)
        port = self._grpc.open(self._services())
        self.address = f"{self.options.host}:{port}" if port else f"unix:{self.options.grpc_socket_path}"
        if self._rest is not None:
            self.rest_address = self._rest.start()
        self._config.follow(lambda: sources)
        self._grpc.start()
        if self.options.model_config_file and self.options.model_config_file_poll_wait_seconds > 0:
            threading.Thread(target=self._follow_config_file, name="config file", daemon=True).start()
        return self.address

    def stop(self) -> bool:
        """Takes no more requests, lets those in flight finish within the grace period, and unloads everything.

        Returns:
          Whether all of it has ended; a load that hangs has not.
        """
        self._stopping.set()
        deadline_s = time.monotonic() + self.options.shutdown_grace_seconds
        with ThreadPoolExecutor(1) as threads:  # both at once, as each may take the whole grace period
            grpc_stopped = threads.submit(self._grpc.stop, self.options.shutdown_grace_seconds)
            if self._rest is not None:
                self._rest.stop()
            grpc_stopped.result()
        ended = self._versions.stop(max(SHORTEST_UNLOAD_S, deadline_s - time.monotonic()))
        self._grpc.close()
        return ended and self._preparation.is_over

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *ended: object) -> None:
        self.stop()

    def _services(self) -> list[grpc.GenericRpcHandler]:
        services = [
            PredictionService(self._inference, self._metrics, self._grpc.gate).handlers(),
            ModelService(self._versions, self._config, reload_wait_s=self.options.reload_wait_seconds).handlers(),
        ]
        if self.options.enable_profiler:
            services.append(ProfilerService().handlers())
        return services

    def _rest_server(self) -> RestServer | None:
        if self.options.rest_api_port == self.options.port:
            log.error("--rest_api_port is --port, %d; there is no REST", self.options.port)
            return None
        # Not for a server of gRPC alone: it brings an HTTP server.
        from slipline.serving.server.rest.rest_server import RestServer

        return RestServer(
            self.options, self._inference, self._versions, self._metrics, tls=self._tls, tokens=self._tokens
        )

    def _load(self, folder: Path) -> LoadedModel:
        return self._preparation.prepared(folder, self._grpc.events)

    def _follow_config_file(self) -> None:
        read = partial(read_config_file, Path(self.options.model_config_file))
        while not self._stopping.wait(self.options.model_config_file_poll_wait_seconds):
            try:
                self._config.follow(read)
            except ConfigRefused as error:
                log.error("the config before stays in force: %s", error)


def serve(options: ServerOptions, *, on_ready: Callable[[str], None]) -> None:
    """Serves until SIGTERM or SIGINT, from the main thread; every request that was begun is answered.

    The end of standard input ends it, too, if the options say so.

    Args:
      options: What to serve, and where.
      on_ready: Told `host:port` once the port is open.

    Raises:
      ConfigRefused: The options name no model, or a config that cannot be followed.
      ServerUnavailable: The port is taken.
    """
    keep_freed_memory()
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    with stop_request(at_stdin_end=options.stop_at_stdin_end) as wait:
        server = Server(options)
        try:
            on_ready(server.start())
            wait()
        finally:
            ended_in_order = server.stop()
    if not ended_in_order:
        sys.stdout.flush()
        os._exit(0)  # a thread that hangs in a library would hold up, or crash, the end of the interpreter


def main(arguments: Sequence[str]) -> int:
    """Serves as the flags say; the exit status."""
    try:
        options, unknown = parse_flags(arguments)
    except BadFlag as error:
        print(f"{error}\n{usage()}")
        return EXIT_USAGE
    if "--help" in unknown:
        print(usage())
        return EXIT_USAGE
    if options.version:
        print(f"TensorFlow ModelServer: slipline {metadata.version('slipline')}")
        print(f"TensorFlow Library: {metadata.version('tensorflow')}")
        return 0
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for argument in unknown:
        log.warning("unknown flag, ignored: %s", argument)
    for warning in warnings_for(arguments):
        log.warning("%s", warning)
    try:
        serve(options, on_ready=lambda address: print(f"gRPC server at {address}", flush=True))
    except (ConfigRefused, ServerUnavailable) as error:
        print(f"Failed to start server. Error: {error}")
        return EXIT_USAGE
    return 0


def _sources(options: ServerOptions) -> dict[str, ModelSource]:
    if options.model_config_file:
        return read_config_file(Path(options.model_config_file))
    if not options.model_base_path:
        raise ConfigRefused("nothing to serve; give --model_base_path, or --model_config_file")
    config = serving_pb2.ModelServerConfig()
    config.model_config_list.config.add(
        name=options.model_name, base_path=options.model_base_path, model_platform=PLATFORM
    )
    return read_config(config)
