"""Worker processes for Beam's in-process runner, forked from one that has imported what they need.

Beam itself starts each worker of each job as a new program, which imports Beam for a second and more.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, resource_tracker
from multiprocessing.process import BaseProcess
from typing import Any

END_TIMEOUT_S = 10.0
"""How long a worker may take to notice that its job is done."""


@contextmanager
def forked_workers() -> Iterator[Any]:
    """A Beam environment whose workers are processes of this machine; they end with the block."""
    import grpc
    from apache_beam.portability.api import beam_fn_api_pb2_grpc
    from apache_beam.transforms.environments import ExternalEnvironment
    from apache_beam.utils.thread_pool_executor import shared_unbounded_instance

    workers: list[BaseProcess] = []
    server = grpc.server(shared_unbounded_instance())
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(_Pool(workers), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield ExternalEnvironment(f"127.0.0.1:{port}")
    finally:
        server.stop(None).wait(END_TIMEOUT_S)  # a worker may be starting
        for worker in workers:
            _end(worker)


def start_fork_server() -> None:
    """Starts the process that workers are forked from, which imports beside whatever goes on here; once is enough."""
    # Workers import what comes later themselves.
    ours = [name for name in sys.modules if name.startswith("slipline.components.")]
    first = ["slipline.components.beam.quiet_workers", "apache_beam.runners.worker.sdk_worker"]
    multiprocessing.get_context("forkserver").set_forkserver_preload([*first, *ours])
    # It and its workers end with this process; an interrupt of the terminal would have each print where it was.
    resource_tracker.ensure_running()  # or the server starts it, which lets signals through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Pool:
    """Beam's service that starts workers where it is asked to."""

    def __init__(self, workers: list[BaseProcess]) -> None:
        self._workers = workers
        self._context = multiprocessing.get_context("forkserver")
        start_fork_server()

    def StartWorker(self, request: Any, context: Any) -> Any:  # noqa: N802 (Beam's name)
        """Starts one."""
        from apache_beam.portability.api import beam_fn_api_pb2

        # The runner names this machine as others see it, which need not lead back here.
        port = request.control_endpoint.url.rpartition(":")[2]
        worker = self._context.Process(target=_work, args=(f"localhost:{port}", request.worker_id), daemon=True)
        worker.start()
        self._workers.append(worker)
        return beam_fn_api_pb2.StartWorkerResponse()

    def StopWorker(self, request: Any, context: Any) -> Any:  # noqa: N802 (Beam's name)
        """A worker ends by itself, with the stream of its work."""
        from apache_beam.portability.api import beam_fn_api_pb2

        return beam_fn_api_pb2.StopWorkerResponse()


def _work(control_address: str, worker_id: str) -> None:
    import grpc
    from apache_beam.runners.worker.sdk_worker import SdkHarness

    with suppress(grpc.FutureTimeoutError):  # the job was over before this worker had begun
        SdkHarness(control_address, worker_id=worker_id).run()


def _end(worker: BaseProcess) -> None:
    worker.join(END_TIMEOUT_S)
    if worker.is_alive():
        worker.kill()
        worker.join()
