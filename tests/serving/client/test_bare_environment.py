"""The client where its few needs alone are installed, and beside TensorFlow in one process."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import venv
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
NEEDS = ("grpcio", "protobuf", "numpy")

ASK = """
import json, sys
import numpy as np
from slipline.serving.client import PredictClient
ours = sorted(name for name in sys.modules if name.partition(".")[0] == "slipline")
others = sorted({name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names))
with PredictClient.connect(sys.argv[1], "double") as client:
    answer = client.predict({"x": [1, 2]})
    images = client.predict_images([np.zeros((2, 2), "uint8")])
print(json.dumps([ours, others, answer["y"].tolist(), images["class"].tolist()]))
"""


def needed(name: str) -> set[str]:
    """A distribution and all it needs, extras left out."""
    from packaging.requirements import Requirement

    requirements = [Requirement(text) for text in distribution(name).requires or []]
    wanted = {each.name for each in requirements if each.marker is None or each.marker.evaluate({"extra": ""})}
    return {name}.union(*(needed(each) for each in wanted))


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment without pip that has the client's files, its needs, and nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = (folder / "lib").glob("python*/site-packages")
    for name in sorted(set().union(*map(needed, NEEDS))):
        installed = distribution(name)
        # Whole folders, so that what Python compiled there is used; other distributions put theirs into google, too.
        for place in {Path(*file.parts[: 1 + (file.parts[0] == "google")]) for file in installed.files or []}:
            if place.parts[0] not in ("..", "bin", "__pycache__"):
                (site / place).parent.mkdir(exist_ok=True)
                (site / place).symlink_to(Path(str(installed.locate_file(place))).resolve())
    (site / "slipline").symlink_to(ROOT / ".src" / "slipline")
    return folder / "bin" / "python"


def run(python: str | Path, code: str, *arguments: str, cwd: Path | None = None) -> str:
    command = [str(python), "-c", code, *arguments]
    done = subprocess.run(command, cwd=cwd or ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_client_works_with_its_few_needs_alone(bare: Path, serve: Callable[..., Any], tmp_path: Path) -> None:
    ours, others, answer, images = json.loads(run(bare, ASK, serve().address, cwd=tmp_path))
    assert answer == [2, 4]
    assert len(images) == 1
    assert {"google", "grpc", "numpy"} <= set(others)
    assert not {"tensorflow", "ml_dtypes", "PIL", "prometheus_client", "opentelemetry", "google_crc32c"} & set(others)
    allowed = {
        "slipline",
        "slipline.serving",
        "slipline.serving.folders",
        "slipline.serving.client",
        "slipline.serving.errors",
        "slipline.serving.wire.grpc_errors",
    }
    allowed |= {
        "slipline.serving.folders.model_config",
        "slipline.serving.folders.whole_file",
        "slipline.serving.wire.tensors",
        "slipline.serving.wire.tfrecord",
        "slipline.serving.wire",
    }
    assert {
        name for name in ours if not name.startswith(("slipline.serving.client.", "slipline.serving.wire."))
    } <= allowed


@pytest.mark.slow
def test_server_says_in_one_line_what_it_lacks_there(bare: Path) -> None:
    command = [bare, "-c", "import runpy; runpy.run_module('slipline.serving.server', run_name='__main__')"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.fullmatch(
        r"the server needs \w+, which is not installed: pip install 'slipline\[pipeline\]'\n", done.stderr
    )


@pytest.mark.slow
def test_log_can_be_written_there_too(bare: Path, tmp_path: Path) -> None:
    code = """
import pathlib, sys
from slipline.serving.client import RequestLog
with RequestLog(pathlib.Path(sys.argv[1]), share=1.0) as log:
    log.offer("/tensorflow.serving.PredictionService/Predict", b"", b"")
"""
    run(bare, code, str(tmp_path), cwd=tmp_path)
    assert (tmp_path / "000001.tfrecord").stat().st_size == 16 + 6


@pytest.mark.slow
@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_client_and_tensorflow_live_in_one_process(first: str, serve: Callable[..., Any]) -> None:
    """With the official messages and stubs, in either order of import."""
    ours = "from slipline.serving.client import PredictClient"
    theirs = "import tensorflow as tf; from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc"
    code = f"""
import sys
{chr(10).join([ours, theirs] if first == "ours" else [theirs, ours])}
import grpc
with PredictClient.connect(sys.argv[1], "double") as client, grpc.insecure_channel(sys.argv[1]) as channel:
    answer = client.predict({{"x": [1, 2]}})["y"]
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "double"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([1.0, 2.0]))
    official = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=30)
    print(answer.tolist() == tf.make_ndarray(official.outputs["y"]).tolist())
"""
    assert run(sys.executable, code, serve().address) == "True\n"
