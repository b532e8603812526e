"""The client against the official stubs, as ratios measured in one run: `python -m tests.bench.client`, a minute."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from slipline.serving.client import ClientSettings, PredictClient
from tests.small_mnist import ROOT

ROUNDS = 40
CALLS = 50
LARGE_ROWS = 256
REPEATS = 5

Ask = Callable[[], object]


def main() -> None:
    """Starts a server of a small network, and asks it in every way in turn."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        _save_network(tf, Path(folder) / "digits" / "1")
        flags = ["--port=0", "--model_name=digits", f"--model_base_path={folder}/digits"]
        command = [sys.executable, "-m", "slipline.serving.server", *flags]
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as server:
            assert server.stdout is not None
            target = server.stdout.readline().removeprefix("gRPC server at ").strip()
            try:
                with PredictClient.connect(target, "digits") as client:
                    client.wait_until_available()
                for rows in (1, LARGE_ROWS):
                    _compare(tf, target, rows)
            finally:
                server.terminate()
    _time_imports()


def _save_network(tf: Any, folder: Path) -> None:
    """Digits to probabilities and classes, as the default job's model answers, but quick."""
    model = tf.Module()
    model.weights = tf.Variable(tf.zeros([784, 10]))

    @tf.function(input_signature=[tf.TensorSpec([None, 28, 28, 1], tf.float32, name="images")])  # type: ignore[untyped-decorator]
    def serve(images: Any) -> Any:
        probabilities = tf.nn.softmax(tf.reshape(images, [-1, 784]) @ model.weights)
        return {"probabilities": probabilities, "class": tf.argmax(probabilities, 1)}

    tf.saved_model.save(model, str(folder), signatures={"serving_default": serve})


def _compare(tf: Any, target: str, rows: int) -> None:
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    images = np.random.default_rng(1).random((rows, 28, 28, 1), dtype=np.float32)
    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]

    def request() -> Any:
        made = predict_pb2.PredictRequest()
        made.model_spec.name = "digits"
        made.inputs["images"].CopyFrom(tf.make_tensor_proto(images))
        return made

    with grpc.insecure_channel(target, unlimited) as channel, PredictClient.connect(target, "digits") as client:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        prebuilt = request()

        def usual() -> object:
            answer = stub.Predict(request(), timeout=10)
            return {name: tf.make_ndarray(proto) for name, proto in answer.outputs.items()}

        inputs = {"images": images}
        with PredictClient.connect(target, "digits", settings=ClientSettings(check_signature=False)) as unchecked:
            seconds = _interleaved(
                {
                    "predict": lambda: client.predict(inputs),
                    "predict, signature unchecked": lambda: unchecked.predict(inputs),
                    "raw official stub, request prebuilt": lambda: stub.Predict(prebuilt, timeout=10),
                    "official stub, make_tensor_proto and make_ndarray": usual,
                }
            )
    _print(f"{rows} image{'s' if rows > 1 else ''} a call, 1 caller", seconds)


def _interleaved(ways: Mapping[str, Ask]) -> dict[str, list[list[float]]]:
    """The latencies in seconds of each way, by round; within a round every way gets its turn."""
    for ask in ways.values():
        for _ in range(CALLS):
            ask()
    seconds: dict[str, list[list[float]]] = {name: [] for name in ways}
    names = list(ways)
    for number in range(ROUNDS):
        # Another first one each time, so that none always follows the same.
        for name in names[number % len(names) :] + names[: number % len(names)]:
            seconds[name].append([_timed(ways[name]) for _ in range(CALLS)])
    return seconds


def _timed(ask: Ask) -> float:
    begin_s = time.perf_counter()
    ask()
    return time.perf_counter() - begin_s


def _print(title: str, seconds: Mapping[str, list[list[float]]]) -> None:
    print(title)
    ours = [statistics.median(each) for each in seconds["predict"]]
    for name, rounds in seconds.items():
        every = [latency for each in rounds for latency in each]
        medians = [statistics.median(each) for each in rounds]
        ratio = statistics.median(own / other for own, other in zip(ours, medians, strict=True))
        print(
            f"  {name:<50} p50 {statistics.median(every) * 1e6:7.0f} us, {1 / statistics.mean(every):6.0f} calls/s; "
            f"predict takes {ratio:.2f} x its time"
        )


def _time_imports() -> None:
    for code in ("from slipline.serving.client import PredictClient", "import tensorflow_serving.apis.predict_pb2"):
        command = [sys.executable, "-c", f"import time; begin = time.time(); {code}; print(time.time() - begin)"]
        runs = [subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True) for _ in range(REPEATS)]
        print(f"{code}: {statistics.median(float(run.stdout) for run in runs):.2f} s, median of {REPEATS}")


if __name__ == "__main__":
    main()
