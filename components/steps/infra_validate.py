"""Tries the exported model in a real server process before it is released."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from slipline.components.artifacts import Examples, InfraCheck, Schema, ServableModel
from slipline.components.errors import TrialFailed
from slipline.pipeline.core.component import Say, component, params
from slipline.serving.program import program

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from slipline.components.features.schema_io import ImageFeature
    from slipline.serving.client import PredictClient

MODEL_NAME = "candidate"
LOG_NAME = "server.log"
STOP_TIMEOUT_S = 10.0
READY_LINE = "gRPC server at "
LARGEST_DIFFERENCE = 1e-5
"""Between the signatures' probabilities for one image: float32 sums taken in another order."""


@params
class InfraParams:
    """How the model is tried.

    Attributes:
      split: Where the images come from.
      requests: How many images are sent, each to every signature.
      start_timeout_s: How long the server may take until the model is available.
    """

    split: str = "test"
    requests: int = 32
    start_timeout_s: float = 60.0

    def __post_init__(self) -> None:
        for name in ("requests", "start_timeout_s"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be greater than 0, got {getattr(self, name)}")


@component(runs=("slipline.serving.server.__main__", "tensorflow"))
def infra_validate(
    model: ServableModel, examples: Examples, schema: Schema, params: InfraParams, out: Path, say: Say
) -> InfraCheck:
    """Loads the model in a server process of its own and sends real requests to each of its signatures.

    Args:
      model: The candidate.
      examples: Where the images come from.
      schema: Names the image feature.
      params: How the model is tried.
      out: Takes the server's log.
      say: Told what is tried.

    Returns:
      Passed if every request was answered, and alike by all signatures; else why not.

    Raises:
      TrialFailed: The server ended or did not answer in time, which need not be the model's fault.
    """
    from slipline.components.features.schema_io import example_spec
    from slipline.serving.errors import ServerUnavailable, ServingError

    image = example_spec(schema).image
    records = list(islice(_records(examples, params.split), params.requests))
    say("starting a server")
    try:
        with _server(model.path, out, params.start_timeout_s) as client:
            client.wait_until_available(timeout_s=params.start_timeout_s)
            say(f"sending {len(records)} requests to each signature")
            reasons = tuple(filter(None, (_try(client, record, image) for record in records)))
    except ServerUnavailable as error:
        raise TrialFailed(_last_words(out / LOG_NAME, params.start_timeout_s)) from error
    except ServingError as error:
        reasons = (f"{error}; {out / LOG_NAME} has the server's log",)
    return InfraCheck(path=out, passed=not reasons, reasons=reasons[:3], requests=0 if reasons else len(records))


def _records(examples: Examples, split: str) -> Iterator[bytes]:
    from slipline.components.files.tfrecord_files import read_records

    for file in examples.files(split):
        yield from read_records(file)


@contextmanager
def _server(model: Path, folder: Path, timeout_s: float) -> Iterator[PredictClient]:
    """A client of a server process that serves `model` as its only version; both end with the block."""
    from slipline.serving.client import PredictClient

    versions = folder / "versions"
    versions.mkdir()
    (versions / "1").symlink_to(model)
    flags = [
        "--port=0",
        f"--model_name={MODEL_NAME}",
        f"--model_base_path={versions}",
        "--max_num_load_retries=0",
        "--stop_at_stdin_end",  # with this process, even if that is killed
    ]
    command = [*program("slipline.serving.server"), *flags]
    with (folder / LOG_NAME).open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        timer = threading.Timer(timeout_s, process.kill)
        timer.start()
        try:
            target = _target(process)
            timer.cancel()
            with PredictClient.connect(target, MODEL_NAME) as client:
                yield client
        finally:
            timer.cancel()
            _end(process)
            (versions / "1").unlink()


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
    with process:  # closes its pipes
        pass


def _last_words(log: Path, timeout_s: float) -> str:
    """What to tell of a server that did not answer; its log goes with the step's folder."""
    lines = log.read_text(errors="replace").splitlines()[-3:]
    words = f" Its last words: {' / '.join(lines)}" if lines else ""
    return f"the server that tries the model ended, or did not answer within {timeout_s:g} s; run again.{words}"


def _target(process: subprocess.Popen[str]) -> str:
    """Where the server listens, from its own words."""
    from slipline.serving.errors import ServerUnavailable

    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(READY_LINE):
            return line.removeprefix(READY_LINE).strip()
    raise ServerUnavailable(f"the server ended with status {process.wait()} before it listened")


def _try(client: PredictClient, record: bytes, image: ImageFeature) -> str:
    """Sends one image to every signature; says what is wrong with the answers, if anything."""
    import numpy as np

    from slipline.components.features.decode_images import decode_image, scaled
    from slipline.serving.wire.example_pb2 import Example

    encoded = Example.FromString(record).features.feature[image.name].bytes_list.value[0]
    pixels = scaled(decode_image(encoded))
    answers = [
        client.predict({"images": pixels[np.newaxis]}).outputs,
        client.predict({"examples": np.array([record], object)}, signature="serving_examples").outputs,
        client.predict({"encoded": np.array([encoded], object)}, signature="serving_images").outputs,
    ]
    return _difference(answers)


def _difference(answers: list[Mapping[str, NDArray[np.generic]]]) -> str:
    import numpy as np

    first, *others = [np.asarray(answer["probabilities"], np.float32) for answer in answers]
    if not np.isfinite(first).all() or abs(float(first.sum()) - 1) > LARGEST_DIFFERENCE * first.size:
        return f"the probabilities of an image add up to {float(first.sum())}, wanted 1"
    gap = max(float(np.abs(first - other).max()) for other in others)
    if gap > LARGEST_DIFFERENCE:
        return f"the signatures disagree on one image by {gap:.2g}, more than {LARGEST_DIFFERENCE}"
    return ""
