"""Replays the requests recorded for a model's warm-up: a TFRecord file of PredictionLog among its extra assets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError

from slipline.serving.errors import BadRequest, DataLoss, LoadFailed, ServingError, Unsupported
from slipline.serving.folders.prediction_log import WARM_UP_FILE
from slipline.serving.models.loaded_model import LoadedModel
from slipline.serving.server.methods.methods import Methods
from slipline.serving.server.methods.predict_calls import PredictCall
from slipline.serving.wire import serving_pb2
from slipline.serving.wire.tfrecord import DamagedRecord, read_records

MAX_RECORDS = 1000  # TensorFlow Serving's limit


@dataclass
class Progress:
    """How far a warm-up is.

    Attributes:
      record: The number of the one that is replayed, counted from 0.
      count: Those that were.
    """

    record: int = 0
    count: int = 0


def warm_up(
    model: LoadedModel, methods: Methods | None = None, *, iterations: int = 1, progress: Progress | None = None
) -> int:
    """Replays the recorded requests that came with the model; how many there were.

    A record's model name and version are ignored, and a record of no kind is skipped.

    Args:
      model: Loaded.
      methods: How requests are run.
      iterations: How often each is run, at least once.
      progress: Kept up to date, for another thread to look at.

    Raises:
      LoadFailed: One of them cannot be read or run; the cause says which status that is.
    """
    methods, progress = methods or Methods(), progress or Progress()
    if not (model.folder / WARM_UP_FILE).is_file():
        return 0
    for progress.record, record in enumerate(_logs(model.folder)):
        try:
            for _ in range(max(1, iterations)):
                ran = _run(model, record, methods)
        except ServingError as error:
            raise LoadFailed(f"{model.folder}: warm-up request {progress.record} failed: {error}") from error
        progress.count += ran
    return progress.count


def _run(model: LoadedModel, log: serving_pb2.PredictionLog, methods: Methods) -> bool:
    kind = log.WhichOneof("log_type")
    if kind == "predict_log":
        methods.predict(model, PredictCall.of(log.predict_log.request))
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
