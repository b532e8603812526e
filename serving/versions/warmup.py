"""Replays the requests recorded for a model's warm-up: a TFRecord file of PredictionLog among its extra assets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from google.protobuf.message import DecodeError

from serving.errors import BadRequest, DataLoss, DeadlineExceeded, LoadFailed, ServingError, Unsupported
from serving.methods import Methods
from serving.models.loaded_model import LoadedModel
from serving.releases.prediction_log import WARM_UP_FILE
from serving.tfrecord import DamagedRecord, read_records
from serving.versions.statuses import code_of
from serving.wire import serving_pb2

MAX_RECORDS = 1000  # TensorFlow Serving's limit


def warm_up(
    model: LoadedModel,
    methods: Methods | None = None,
    *,
    iterations: int = 1,
    time_limit_s: float | None = None,
    on_end: Callable[[Path, str, int, float], None] = lambda folder, status, records, seconds: None,
) -> int:
    """Replays the recorded requests that came with the model; how many there were.

    A record's model name and version are ignored, and a record of no kind is skipped.

    Args:
      model: Loaded.
      methods: How requests are run.
      iterations: How often each is run, at least once.
      time_limit_s: A warm-up that takes longer has failed, as the first requests would be as slow; None for any time.
      on_end: Told the model's folder, gRPC's name of how it ended, the records replayed and the seconds taken, if the
        model has recorded requests.

    Raises:
      LoadFailed: One of them cannot be read or run, or the time is over; the cause says which status that is.
    """
    if not (model.folder / WARM_UP_FILE).is_file():
        return 0
    begin_s, status, count = time.monotonic(), "OK", 0
    try:
        for _ in _replayed(model, methods or Methods(), iterations, time_limit_s):
            count += 1
    except LoadFailed as error:
        status = code_of(error.__cause__).name if isinstance(error.__cause__, ServingError) else "UNKNOWN"
        raise
    finally:
        on_end(model.folder, status, count, time.monotonic() - begin_s)
    return count


def _replayed(model: LoadedModel, methods: Methods, iterations: int, time_limit_s: float | None) -> Iterator[int]:
    """The number of each request once it has been run."""
    begin_s = time.monotonic()
    for number, log in enumerate(_logs(model.folder)):
        try:
            for _ in range(max(1, iterations)):
                ran = _run(model, log, methods)
        except ServingError as error:
            raise LoadFailed(f"{model.folder}: warm-up request {number} failed: {error}") from error
        if time_limit_s is not None and time.monotonic() - begin_s > time_limit_s:
            reason = (
                f"not warm after {time_limit_s:g} s and {number + 1} requests; record fewer, or raise "
                "--warmup_time_limit_seconds"
            )
            raise LoadFailed(f"{model.folder}: {reason}") from DeadlineExceeded(reason)
        if ran:
            yield number


def _run(model: LoadedModel, log: serving_pb2.PredictionLog, methods: Methods) -> bool:
    kind = log.WhichOneof("log_type")
    if kind == "predict_log":
        methods.predict(model, log.predict_log.request)
    elif kind == "classify_log":
        methods.classify(model, log.classify_log.request)
    elif kind == "regress_log":
        methods.regress(model, log.regress_log.request)
    elif kind == "multi_inference_log":
        methods.multi_inference(model, log.multi_inference_log.request)
    elif kind is not None:
        raise Unsupported(f"Unsupported log_type for warmup: {kind}; record another kind")
    return kind is not None


def _logs(folder: Path) -> Iterator[serving_pb2.PredictionLog]:
    file = folder / WARM_UP_FILE
    for number, record in enumerate(_records(file)):
        if number == MAX_RECORDS:
            reason = f"warm-up takes at most {MAX_RECORDS} records; write fewer"
            raise LoadFailed(f"{file}: {reason}") from BadRequest(reason)
        try:
            log = serving_pb2.PredictionLog.FromString(record)
        except DecodeError as error:
            reason = f"Failed to parse warmup record: record {number} is no PredictionLog ({error})"
            raise LoadFailed(f"{file}: {reason}") from BadRequest(reason)
        yield log


def _records(file: Path) -> Iterator[bytes]:
    try:
        with file.open("rb") as stream:
            yield from read_records(stream)
    except DamagedRecord as error:
        reason = f"{error}; the file must be a TFRecord of PredictionLog"
        raise LoadFailed(f"{file}: {reason}") from DataLoss(reason)
