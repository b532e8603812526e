"""A model server in a process of its own, as a benchmark needs it: primed, and counting what it answered."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from slipline.serving.client import PredictClient
from slipline.serving.wire.tensors import Array
from tests.small_mnist import ROOT

METRICS = 'prometheus_config { enable: true path: "/metrics" }'
PRIMING_CALLERS = 16
PRIMING_REQUESTS = 60


class ServedModel:
    """A running server of the model `mnist`.

    Attributes:
      address: `host:port` for gRPC.
      first_answer_s: From the start of the process to its first answer.
    """

    def __init__(self, process: subprocess.Popen[str], rest_port: int, started_s: float) -> None:
        """Waits for the first answer."""
        assert process.stdout is not None
        self.address = process.stdout.readline().split()[-1]
        self._metrics = f"http://127.0.0.1:{rest_port}/metrics"
        with PredictClient.connect(self.address, "mnist", timeout_s=60) as client:
            client.wait_until_available()
            client.predict({"images": images(1)})
        self.first_answer_s = time.perf_counter() - started_s

    def prime(self) -> None:
        """Asks for different images from many callers at once, so that batches have been checked."""
        sent = images(PRIMING_CALLERS)

        def ask(number: int) -> None:
            with PredictClient.connect(self.address, "mnist", timeout_s=60) as client:
                for request in range(PRIMING_REQUESTS):
                    client.predict({"images": sent[(number + request) % len(sent)][None]})

        callers = [threading.Thread(target=ask, args=(number,)) for number in range(PRIMING_CALLERS)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()

    def answered(self) -> dict[str, int]:
        """How many requests ended with each status so far."""
        with urllib.request.urlopen(self._metrics) as reply:
            text = reply.read().decode()
        counts = re.findall(r'request_count\{model_name="mnist",status="(\w+)"\} (\d+)', text)
        return {status: int(count) for status, count in counts}


@contextmanager
def served(base_path: Path, *flags: str) -> Iterator[ServedModel]:
    """A server of the versions in `base_path`, ended with the block."""
    monitoring = base_path.parent / "monitoring.config"
    monitoring.write_text(METRICS)
    rest_port = _free_port()
    command = [sys.executable, "-m", "slipline.serving.server", "--port=0", f"--rest_api_port={rest_port}"]
    command += ["--model_name=mnist", f"--model_base_path={base_path}", f"--monitoring_config_file={monitoring}"]
    started_s = time.perf_counter()
    process = subprocess.Popen(
        [*command, *flags], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield ServedModel(process, rest_port, started_s)
    finally:
        process.terminate()
        process.wait(60)


def images(number: int) -> Array:
    """So many different images, float32 [N, 28, 28, 1]."""
    return np.random.default_rng(0).random((number, 28, 28, 1), dtype=np.float32)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
