"""The speed of the embedded server: `python -m tests.bench.serving`, 10 minutes; on a machine that does nothing else.

It needs h2load (Debian's nghttp2-client), which sends one body again and again; batches were checked with different
images before, so no answer is shared. What was answered is counted by the server, and some answers are looked at.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from slipline.serving.client import PredictClient
from slipline.serving.models.model_loader import Preferences, load_model
from slipline.serving.wire.tensors import Array
from tests.bench.h2load import Load, predict_body, run_h2load
from tests.bench.served_model import ServedModel, images, served
from tests.small_mnist import ROOT

FORMS = {"saved_model": (), "tflite": ("--prefer_tflite_model",)}
SECONDS = 5  # h2load takes whole ones
PAIR_SECONDS = 2
ROUNDS = 5  # of what is compared with something that cannot be measured at the same time
PAUSE_S = 0.0005  # about a lone client's, in which the processor's caches and the core itself turn to other things
LARGE = 256
SWITCHES = 7
CALM_S = 4  # before each switch
LOADING_S = 1.5  # so long before a switch, the new version is loaded


def main() -> None:
    """Measures everything for a SavedModel and for a TFLite model, each beside what it is compared with."""
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder, "models")
        _python("tests.bench.digit_models", str(models), "1", "2")
        for form, flags in FORMS.items():
            base = Path(folder, form, "mnist")
            _copy_version(models / "1", base, form)
            print(f"== {form}", flush=True)
            with served(base, *flags) as server:
                server.prime()
                _check_answers(server, base / "1", form)
                _small_requests(server, base / "1", form)
                _large_requests(server, base / "1", form)
                _switches(server, models, base, form)
        _starts(Path(folder))


def _small_requests(server: ServedModel, version: Path, form: str) -> None:
    body = predict_body(images(1))
    with _Echo() as echo:
        for clients in (1, 8, 64):
            before = server.answered()
            load = run_h2load(server.address, body, clients=clients, seconds=SECONDS)
            bare = run_h2load(echo.address, body, clients=clients, seconds=SECONDS, path="Echo/Echo")
            refused = _refused(before, server.answered())
            print(f"{clients:3} clients: {_words(load)}; {refused} refused; bare echo: {_words(bare)}", flush=True)
        for pause_s in (0.0, PAUSE_S):
            print(f"  1 client; the model alone with {pause_s * 1e3:g} ms between two calls:")
            _overhead(server, echo.address, _quicker_alone(version, 1, form, pause_s), body)


def _overhead(server: ServedModel, echo: str, alone: Callable[[], float], body: bytes) -> None:
    """What a lone request takes beside the model's own time, to a bare echo right after it."""
    ratios = []
    for _ in range(ROUNDS):
        load = run_h2load(server.address, body, clients=1, seconds=PAIR_SECONDS)
        bare = run_h2load(echo, body, clients=1, seconds=PAIR_SECONDS, path="Echo/Echo")
        model_ms, bare_ms = alone() * 1e3, bare.percentile_ms(50)
        own_ms = load.percentile_ms(50) - model_ms
        ratios.append(own_ms / bare_ms)
        print(f"    model alone {model_ms:.3f} ms; all else {own_ms:.3f} ms; bare echo {bare_ms:.3f} ms")
    print(f"    all else to a bare echo: {_list(ratios)} x, median {statistics.median(ratios):.2f} x", flush=True)


def _large_requests(server: ServedModel, version: Path, form: str) -> None:
    alone = _quicker_alone(version, LARGE, form)
    for clients in (1, 2):
        shares = []
        for _ in range(ROUNDS):
            load = run_h2load(server.address, predict_body(images(LARGE)), clients=clients, seconds=PAIR_SECONDS)
            shares.append(load.per_second * alone())
        print(
            f"{LARGE} images a request, {clients} clients: {load.per_second * LARGE:,.0f} images/s; to those of a "
            f"loop in-process: {_list(shares)} x, median {statistics.median(shares):.2f} x",
            flush=True,
        )


def _switches(server: ServedModel, models: Path, base: Path, form: str) -> None:
    """Puts other versions in place under full load, one after the other; the server takes them up by itself."""
    loads: list[Load] = []
    before = server.answered()
    seconds = CALM_S * (SWITCHES + 2)
    caller = threading.Thread(
        target=lambda: loads.append(run_h2load(server.address, predict_body(images(1)), clients=64, seconds=seconds))
    )
    caller.start()
    switched_s = []
    with PredictClient.connect(server.address, "mnist", timeout_s=30) as client:
        for version in range(2, SWITCHES + 2):
            time.sleep(CALM_S)
            _copy_version(models / str(2 - version % 2), base, form, version)
            client.wait_until_available(version)
            switched_s.append(time.time())
    caller.join()
    refused = _refused(before, server.answered())
    print(
        f"{SWITCHES} switches under load: {_ratios(loads[0], switched_s)}; {loads[0].failed} failed, {refused} refused"
    )


def _ratios(load: Load, switched_s: Sequence[float]) -> str:
    """The 99th percentile in the second of each switch, and in seconds between them, to that of all calm ones."""

    def p99_s(chosen: Array) -> float:
        return float(np.percentile(load.taken_s[chosen], 99))

    since_s = np.subtract.outer(load.begun_s, switched_s)
    calm = ~((since_s > -LOADING_S) & (since_s < 1)).any(axis=1)
    calm_s = p99_s(calm)
    around, between = (
        sorted(p99_s(np.abs(since_s[:, column] + earlier_s) < 0.5) / calm_s for column in range(len(switched_s)))
        for earlier_s in (0.0, CALM_S / 2)
    )
    return (
        f"p99 in their seconds {_list(around)} x the {calm_s * 1e3:.1f} ms of calm ones, median "
        f"{statistics.median(around):.2f} x; in single calm seconds {_list(between)} x"
    )


def _list(ratios: Sequence[float]) -> str:
    return ", ".join(f"{ratio:.2f}" for ratio in ratios)


def _starts(folder: Path) -> None:
    """From the start of the process to the first answer, against importing TensorFlow and loading the model."""
    program = "import sys, tensorflow as tf; tf.saved_model.load(sys.argv[1])"
    for form, flags in FORMS.items():
        base = folder / form / "mnist"
        own, plain = [], []
        for _ in range(3):
            begin_s = time.perf_counter()
            subprocess.run(
                [sys.executable, "-c", program, str(folder / "models" / "1")], check=True, capture_output=True
            )
            plain.append(time.perf_counter() - begin_s)
            with served(base, *flags) as server:
                own.append(server.first_answer_s)
        first_s, import_s = statistics.median(own), statistics.median(plain)
        print(
            f"{form}: first answer {first_s:.2f} s after the start; TensorFlow imported and the SavedModel loaded "
            f"{import_s:.2f} s ({first_s / import_s:.2f} x)"
        )


def _check_answers(server: ServedModel, version: Path, form: str) -> None:
    """Ends the benchmark if answers under load are not the model's own."""
    sent = images(32)
    model = load_model(version, Preferences(tflite=form == "tflite"))
    with PredictClient.connect(server.address, "mnist", timeout_s=30) as client:
        for one in sent:
            answered = client.predict({"images": one[None]}).outputs["probabilities"]
            np.testing.assert_allclose(answered, model.run({"images": one[None]})["probabilities"], atol=1e-6)
    model.close()


def _refused(before: Mapping[str, int], after: Mapping[str, int]) -> int:
    return sum(after.values()) - sum(before.values()) - (after["OK"] - before["OK"])


def _copy_version(version: Path, base: Path, form: str, number: int = 1) -> None:
    """Publishes a version by a rename; one to be served as TFLite has nothing else."""
    copied = base / f".{number}"
    shutil.copytree(version, copied, ignore=shutil.ignore_patterns("assets.extra") if form == "tflite" else None)
    if form == "tflite":
        (copied / "saved_model.pb").unlink()
    copied.rename(base / str(number))


def _quicker_alone(version: Path, batch: int, form: str, pause_s: float = 0.0) -> Callable[[], float]:
    """Measures a call of the model in a process of its own, in seconds, with as many threads as are quicker now."""

    def call_s(threads: int) -> float:
        return float(_python("tests.bench.in_process", str(version), str(batch), form, str(threads), str(pause_s)))

    return partial(call_s, min((0, 1), key=call_s))


def _words(load: Load) -> str:
    p50_ms, p99_ms = load.percentile_ms(50), load.percentile_ms(99)
    return (
        f"{load.per_second:,.0f}/s, p50 {p50_ms:.2f} ms, p99 {p99_ms:.2f} ms ({p99_ms / p50_ms:.1f} x), "
        f"{load.failed} failed"
    )


def _python(module: str, *arguments: str) -> str:
    command: Sequence[str] = [sys.executable, "-m", module, *arguments]
    ended = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(ended.stderr)
    return ended.stdout


class _Echo:
    """The bare echo in a process of its own."""

    def __enter__(self) -> _Echo:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.grpc_echo"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()
        return self

    def __exit__(self, *raised: object) -> None:
        self._process.communicate()


if __name__ == "__main__":
    main()
