"""A server process under requests that no client means."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import grpc
import pytest

from slipline.serving.client import PredictClient
from slipline.serving.models.tensorflow.saved_model import read_signatures
from tests.serving.example_models import save_half_plus
from tests.serving.malformed import MESSAGES, SERVICE, Malformed, Source
from tests.serving.models.shape_models import save_unguarded

SEED = 20_2611
REQUESTS = 100_000
IN_FLIGHT = 64
CHANNELS = 4
MARGIN_BYTES = 128 << 20  # 1.5 KB a request
# What a refusal may say: INTERNAL and UNKNOWN would be faults of the server.
REFUSALS = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,  # no such signature
    grpc.StatusCode.UNIMPLEMENTED,  # no such method of MultiInference
}


class Volley:
    """Sends requests, several at once, and keeps what was wrong with the answers."""

    def __init__(self, address: str) -> None:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
        self._channels = [grpc.insecure_channel(address, options) for _ in range(CHANNELS)]
        self._calls = {
            method: [channel.unary_unary(SERVICE + method) for channel in self._channels] for method in MESSAGES
        }
        self._room = threading.Semaphore(IN_FLIGHT)
        self._lock = threading.Lock()
        self.answers: Counter[str] = Counter()
        self.faults: list[str] = []

    def send(self, number: int, request: Malformed) -> None:
        self._room.acquire()
        call = self._calls[request.method][number % CHANNELS].future(request.sent, timeout=120)
        call.add_done_callback(lambda done: self._judge(request, done))

    def wait(self) -> None:
        """Returns once all answers are there."""
        for _ in range(IN_FLIGHT):
            self._room.acquire()
        self._room.release(IN_FLIGHT)

    def close(self) -> None:
        for channel in self._channels:
            channel.close()

    def _judge(self, request: Malformed, done: Any) -> None:
        code = done.code()
        with self._lock:
            self.answers[f"{request.method} {code.name}"] += 1
            if code is grpc.StatusCode.OK and request.hopeless:
                self.faults.append(f"answered: {request}")
            elif code is not grpc.StatusCode.OK and (code not in REFUSALS or not done.details()):
                self.faults.append(f"{code.name} {done.details()[:300]}: {request}")
        self._room.release()


def resident_bytes(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return 1024 * int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


@pytest.fixture
def config(tf: ModuleType, tmp_path: Path, scalers: Path) -> Path:
    save_half_plus(tf, tmp_path / "half" / "1")
    save_unguarded(tf, tmp_path / "unguarded" / "1")
    models = {"half": tmp_path / "half", "unguarded": tmp_path / "unguarded", "scaler": scalers}
    entries = " ".join(
        f'config {{ name: "{name}" base_path: "{folder}" model_platform: "tensorflow" '
        "model_version_policy { specific { versions: 1 } } }"
        for name, folder in models.items()
    )
    (tmp_path / "models.config").write_text(f"model_config_list {{ {entries} }}")
    return tmp_path / "models.config"


@pytest.mark.slow
def test_server_outlives_a_hundred_thousand_malformed_requests(
    start_process: Callable[..., Any],
    connect: Callable[..., PredictClient],
    config: Path,
    scalers: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It answers each as it should, and its memory does not grow after the first tenth by more than 128 MiB."""
    # Each of the allocator's arenas keeps what its largest request took, and chance says when a thread takes one more.
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    process = start_process(f"--model_config_file={config}")
    models = {name: config.parent / name / "1" for name in ("half", "unguarded")} | {"scaler": scalers / "1"}
    for name in models:
        connect(process.address, name).wait_until_available()
    signatures = {name: dict(read_signatures(folder)) for name, folder in models.items()}
    del signatures["scaler"]["count"]  # it counts for as long as it is asked to
    source, volley = Source(Random(SEED), signatures), Volley(process.address)
    for number in range(REQUESTS):
        volley.send(number, source.draw())
        if number == REQUESTS // 10:
            volley.wait()
            resident = resident_bytes(process.process.pid)
    volley.wait()
    grown = resident_bytes(process.process.pid) - resident
    volley.close()
    print(f"{grown >> 20} MiB more than {resident >> 20} MiB; {dict(volley.answers)}")
    assert process.process.poll() is None
    assert (volley.faults[:5], sum(volley.answers.values())) == ([], REQUESTS)
    assert grown < MARGIN_BYTES, f"{grown >> 20} MiB more than after the first tenth"
    assert {f"{method} OK" for method in MESSAGES} <= volley.answers.keys()  # or the requests were too wild to matter
    status, log = process.end()
    assert (status, "Traceback" in log) == (0, False)
