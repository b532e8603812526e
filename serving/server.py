"""The embedded model server: `python -m serving.server --model_name=mnist --model_base_path=/models/mnist`.

It takes TensorFlow Serving's flags and answers as it does, so that either can stand in for the other. Unlike it, the
port opens at once, and no failing model keeps another from being served.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import metadata
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from serving.auth import TokenCheck, Tokens
from serving.config_in_force import ConfigInForce
from serving.errors import ConfigRefused, ServerUnavailable
from serving.inference import Inference
from serving.methods import Methods
from serving.model_config import PLATFORM
from serving.monitoring import Metrics
from serving.native import Threads
from serving.options import BadFlag, ServerOptions, parse_flags, usage
from serving.reflection import add_reflection
from serving.saved_model import SavedModel
from serving.services import ModelService, PredictionService, ProfilerService
from serving.sources import ModelSource, read_config, read_config_file
from serving.tls import TlsSettings
from serving.versions import LoadPolicy, VersionManager
from serving.warmup import warm_up
from serving.wire import serving_pb2

if TYPE_CHECKING:
    from serving.rest.server import RestServer

log = logging.getLogger(__name__)

OBJECTS_BETWEEN_COLLECTIONS = 50_000
EXIT_USAGE = 255  # as TensorFlow Serving
# The names under which probes ask for the whole server.
WHOLE_SERVER = ("", "PredictionService", "ModelService")
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class Server:
    """A model server in this process; a context manager that starts and stops it."""

    def __init__(self, options: ServerOptions) -> None:
        """Nothing listens and nothing is loaded before `start`.

        Raises:
          ConfigRefused: A file with keys, tokens or the monitoring's config cannot be used.
        """
        self.options = options
        self.address = f"{options.host}:{options.port}"
        self._health = health.HealthServicer()
        self._probed: set[str] = set()
        self._versions = VersionManager(self._load, _load_policy(options), self._show_readiness)
        self._methods = Methods(
            check_method_names=options.enable_signature_method_name_check,
            packed_outputs=options.enable_serialization_as_tensor_content,
        )
        self._inference = Inference(self._versions, self._methods)
        self._config = ConfigInForce(self._versions.configure)
        self._stopping = threading.Event()
        self._metrics = Metrics(self._versions.models)
        self._tls = TlsSettings.read(Path(options.ssl_config_file)) if options.ssl_config_file else None
        self._tokens = Tokens.read(Path(options.auth_token_file)) if options.auth_token_file else None
        self._rest = self._rest_server() if options.rest_api_port else None
        self.rest_address: str | None = None
        if options.monitoring_config_file and self._rest is None:
            log.warning("--monitoring_config_file has no effect without --rest_api_port, where the metrics are shown")
        workers = options.grpc_max_threads or 4 * (os.cpu_count() or 1)
        self._grpc = grpc.server(
            ThreadPoolExecutor(workers, thread_name_prefix="request"),
            interceptors=[TokenCheck(self._tokens)] if self._tokens else [],
            maximum_concurrent_rpcs=options.max_concurrent_requests or None,
            handlers=[
                PredictionService(self._inference, self._metrics).handlers(),
                ModelService(self._versions, self._config, reload_wait_s=options.reload_wait_seconds).handlers(),
            ],
            options=[
                ("grpc.max_receive_message_length", options.grpc_max_message_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", 0),  # or a second server would quietly share the port
            ],
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._grpc)
        if options.enable_profiler:
            self._grpc.add_generic_rpc_handlers((ProfilerService().handlers(),))
        if options.enable_grpc_reflection:
            add_reflection(self._grpc)

    def start(self) -> str:
        """Listens, and begins to load; the address, with the port that was picked.

        Raises:
          ConfigRefused: The options name no model, or a config that cannot be followed; nothing listens then.
          ServerUnavailable: The port is taken, or the address is not of this machine.
        """
        sources = _sources(self.options)
        self.address = f"{self.options.host}:{self._bind()}"
        if self._rest is not None:
            self.rest_address = self._rest.start()
        self._config.follow(lambda: sources)
        self._grpc.start()
        if self.options.model_config_file and self.options.model_config_file_poll_wait_seconds > 0:
            threading.Thread(target=self._follow_config_file, name="config file", daemon=True).start()
        return self.address

    def stop(self) -> None:
        """Takes no more requests, lets those in flight finish within the grace period, and unloads everything."""
        self._stopping.set()
        self._health.enter_graceful_shutdown()
        grpc_stopped = self._grpc.stop(self.options.shutdown_grace_seconds)
        if self._rest is not None:
            self._rest.stop()
        grpc_stopped.wait()
        self._versions.stop()

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _bind(self) -> int:
        """The gRPC port, open once the server starts."""
        wanted = f"{self.options.host}:{self.options.port}"
        try:
            if self._tls is not None:
                return int(self._grpc.add_secure_port(wanted, self._tls.grpc_credentials()))
            return int(self._grpc.add_insecure_port(wanted))
        except RuntimeError as error:
            raise ServerUnavailable(f"cannot listen on {wanted}; is another server there? ({error})") from error

    def _rest_server(self) -> RestServer | None:
        if self.options.rest_api_port == self.options.port:
            log.error("--rest_api_port is --port, %d; there is no REST", self.options.port)
            return None
        from serving.rest.listen import rest_server  # not for a server of gRPC alone: it brings an HTTP server

        return rest_server(
            self.options, self._inference, self._versions, self._metrics, tls=self._tls, tokens=self._tokens
        )

    def _load(self, folder: Path) -> SavedModel:
        threads = Threads(
            intra_op=self.options.tensorflow_intra_op_parallelism,
            inter_op=self.options.tensorflow_inter_op_parallelism,
        )
        model = SavedModel.load(folder, threads=threads)
        try:
            if self.options.enable_model_warmup:
                warm_up(model, self._methods, iterations=self.options.num_request_iterations_for_warmup)
        except BaseException:
            model.close()
            raise
        return model

    def _follow_config_file(self) -> None:
        read = partial(read_config_file, Path(self.options.model_config_file))
        while not self._stopping.wait(self.options.model_config_file_poll_wait_seconds):
            try:
                self._config.follow(read)
            except ConfigRefused as error:
                log.error("the config before stays in force: %s", error)

    def _show_readiness(self, ready: Mapping[str, bool]) -> None:
        answers = {name: SERVING if is_ready else NOT_SERVING for name, is_ready in ready.items()}
        answers.update(dict.fromkeys(WHOLE_SERVER, SERVING if all(ready.values()) else NOT_SERVING))
        for name in self._probed - answers.keys():
            self._health.set(name, SERVICE_UNKNOWN)
        for name, answer in answers.items():
            self._health.set(name, answer)
        self._probed.update(answers)


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
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    if options.stop_at_stdin_end:
        threading.Thread(target=_await_stdin_end, args=(ended,), name="standard input", daemon=True).start()
    server = Server(options)
    try:
        on_ready(server.start())
        ended.wait()
    finally:
        server.stop()
        for number, handler in before.items():
            signal.signal(number, handler)


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
    # JSON makes a list of each innermost row; at Python's own threshold, 700 objects, they cost half a request's time.
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    for argument in unknown:
        log.warning("unknown flag, ignored: %s", argument)
    try:
        serve(options, on_ready=lambda address: print(f"gRPC server at {address}", flush=True))
    except (ConfigRefused, ServerUnavailable) as error:
        print(f"Failed to start server. Error: {error}")
        return EXIT_USAGE
    return 0


def _await_stdin_end(ended: threading.Event) -> None:
    # A parent's pipe closes even if the parent was killed. Not sys.stdin: its lock, held by a read, breaks the exit.
    try:
        while os.read(0, 4096):
            pass
    except OSError as error:
        log.error("standard input cannot be read, so the server stops: %s", error)
    ended.set()


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


def _load_policy(options: ServerOptions) -> LoadPolicy:
    return LoadPolicy(
        poll_wait_s=options.file_system_poll_wait_seconds,
        retries=max(0, options.max_num_load_retries),
        retry_interval_s=max(0.0, options.load_retry_interval_micros / 1e6),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
