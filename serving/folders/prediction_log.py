"""Recorded requests: TFRecord files of PredictionLog, as TensorFlow Serving's logger and its warm-up use them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from google.protobuf.message import DecodeError

from slipline.serving.errors import DataLoss
from slipline.serving.folders.whole_file import replaced
from slipline.serving.wire import serving_pb2
from slipline.serving.wire.tfrecord import DamagedRecord, framed, read_records

WARM_UP_FILE = Path("assets.extra", "tf_serving_warmup_requests")
"""Where a version folder holds the requests that a server replays before it says that the version is available."""

SAMPLE_NAME = "requests.tfrecord"
"""The stored sample of a model's requests, beside its version folders; no server takes it for a version."""

MAX_REQUESTS = 1000


def read_predict_requests(file: Path) -> tuple[serving_pb2.PredictRequest, ...]:
    """The first thousand Predict requests in `file`; those of other kinds are passed over.

    Raises:
      DataLoss: The file cannot be read, is cut off, or holds something else.
    """
    requests: list[serving_pb2.PredictRequest] = []
    try:
        with file.open("rb") as stream:
            for number, record in enumerate(read_records(stream)):
                log = _parsed(record, file, number)
                if log.WhichOneof("log_type") == "predict_log":
                    requests.append(log.predict_log.request)
                if len(requests) == MAX_REQUESTS:
                    break
    except OSError as error:
        raise DataLoss(f"{file}: recorded requests cannot be read: {error.strerror}; name another file") from error
    except DamagedRecord as error:
        raise _damaged(file, error.number) from error
    return tuple(requests)


def write_predict_requests(file: Path, requests: Iterable[serving_pb2.PredictRequest]) -> None:
    """Replaces `file` with these requests, in one step."""
    with replaced(file) as aside, aside.open("wb") as stream:
        for request in requests:
            log = serving_pb2.PredictionLog()
            log.predict_log.request.CopyFrom(request)
            stream.write(framed(log.SerializeToString()))


def _parsed(record: bytes, file: Path, number: int) -> serving_pb2.PredictionLog:
    try:
        return serving_pb2.PredictionLog.FromString(record)
    except DecodeError as error:
        raise _damaged(file, number) from error


def _damaged(file: Path, number: int) -> DataLoss:
    return DataLoss(
        f"{file}: record {number} is cut off or no PredictionLog; wanted a TFRecord file of PredictionLog, as "
        "TensorFlow Serving's request logger writes"
    )
