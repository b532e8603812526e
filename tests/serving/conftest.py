"""Two small models that answer differently, and servers of them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from slipline.serving.client import ClientSettings, PredictClient
from slipline.serving.models.tensorflow.saved_model import SavedModel
from slipline.serving.server.flags.options import ServerOptions
from slipline.serving.server.process import Server
from slipline.serving.server.versions.loading import LoadPolicy
from slipline.serving.server.versions.manager import VersionManager

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0


def until(is_so: Callable[[], object]) -> None:
    """Waits for a condition that other threads bring about; fails if they do not."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline_s, "what the test waited for did not come"
        time.sleep(0.005)


@pytest.fixture(scope="session")
def tf() -> ModuleType:
    """TensorFlow itself, which takes seconds to import."""
    import tensorflow

    return tensorflow


def save_scaler(tf: Any, factor: float, folder: Path) -> None:
    """A model with a variable, `y = factor * x`, and signatures that greet, measure strings, refuse and take long."""
    model = tf.Module()
    model.factor = tf.Variable(factor)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def scale(x: Any) -> Any:
        return {"y": model.factor * x, "count": tf.size(x, out_type=tf.int64)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="name")])
    def greet(name: Any) -> Any:
        return {"greeting": tf.strings.join(["hello ", name]), "same": tf.identity(name)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="encoded")])
    def sizes(encoded: Any) -> Any:
        return {"size": tf.strings.length(encoded)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def picky(x: Any) -> Any:
        with tf.control_dependencies([tf.debugging.assert_less(x, 10.0, message="x must be small")]):
            return {"y": tf.identity(x)}

    @tf.function(input_signature=[tf.TensorSpec([], tf.int64, name="steps")])
    def count(steps: Any) -> Any:
        (counted,) = tf.while_loop(lambda i: i < steps, lambda i: (i + 1,), (tf.constant(0, tf.int64),))
        return {"counted": counted}

    signatures = {"serving_default": scale, "greet": greet, "serving_images": sizes, "picky": picky, "count": count}
    tf.saved_model.save(model, str(folder), signatures=signatures)


@pytest.fixture(scope="session")
def scalers(tf: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the versions 1 (`y = 10 x`) and 2 (`y = 20 x`); not to be changed."""
    folder = tmp_path_factory.mktemp("scalers")
    for version in (1, 2):
        save_scaler(tf, 10.0 * version, folder / str(version))
    return folder


Publish = Callable[[int], Path]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """An empty base path for version folders."""
    folder = tmp_path / "models" / "scaler"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def publish(base: Path, scalers: Path) -> Publish:
    """Copies a version to `base` in one step, as a careful publisher does."""

    def copy(version: int) -> Path:
        aside = base / f".{version}"
        shutil.copytree(scalers / str(version), aside)
        return aside.rename(base / str(version))

    return copy


Start = Callable[..., Server]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts servers in this process on free ports, and stops them."""
    servers: list[Server] = []

    def begin(**options: Any) -> Server:
        quick = {
            "port": 0,
            "file_system_poll_wait_seconds": 0.05,
            "max_num_load_retries": 0,
            "shutdown_grace_seconds": 5,
        }
        server = Server(ServerOptions(**{**quick, **options}))
        servers.append(server)
        server.start()
        return server

    yield begin
    for server in servers:
        server.stop()


@pytest.fixture
def connect() -> Iterator[Callable[..., PredictClient]]:
    """Connects clients, and closes them."""
    clients: list[PredictClient] = []

    def begin(target: str, model: str = "scaler", settings: ClientSettings | None = None) -> PredictClient:
        clients.append(PredictClient.connect(target, model, timeout_s=30, settings=settings))
        return clients[-1]

    yield begin
    for client in clients:
        client.close()


class ServerProcess:
    """`python -m slipline.serving.server` and the address it said."""

    def __init__(self, flags: list[str]) -> None:
        command = [sys.executable, "-m", "slipline.serving.server", "--port=0", *flags]
        pipe = subprocess.PIPE
        # A pipe that nobody reads would hold the server up once it is full.
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=self._log, text=True)
        assert self.process.stdout is not None
        overdue = threading.Timer(PATIENCE_S, self.process.kill)
        overdue.start()
        self.address = self.process.stdout.readline().removeprefix("gRPC server at ").strip()
        overdue.cancel()

    def end(self) -> tuple[int, str]:
        """Asks it to stop, and kills it if it does not; its exit status and its log."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
        status = self.process.wait()
        self._log.seek(0)
        return status, self._log.read()


@pytest.fixture
def start_process() -> Iterator[Callable[..., ServerProcess]]:
    """Starts servers as processes on free ports, and ends them."""
    processes: list[ServerProcess] = []

    def begin(*flags: str) -> ServerProcess:
        processes.append(ServerProcess(list(flags)))
        return processes[-1]

    yield begin
    for process in processes:
        process.end()


@pytest.fixture
def manage() -> Iterator[Callable[..., VersionManager]]:
    """Managers that look for versions when they are told to."""
    managers: list[VersionManager] = []

    def begin(load: Callable[[Path], SavedModel] = SavedModel.load, **policy: Any) -> VersionManager:
        patient = {"poll_wait_s": 0, "retries": 0, "retry_interval_s": 0, "backoff_s": 1000, "longest_backoff_s": 1000}
        managers.append(VersionManager(load, LoadPolicy(**{**patient, **policy})))
        return managers[-1]

    yield begin
    for manager in managers:
        assert manager.stop(timeout_s=60)
