"""Recorded requests: TFRecord files of PredictionLog, as TensorFlow Serving's logger and its warm-up use them."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import google_crc32c
from google.protobuf.message import DecodeError

from serving.errors import DataLoss
from serving.wire import serving_pb2

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
    requests = []
    for number, record in enumerate(_records(file)):
        try:
            log = serving_pb2.PredictionLog.FromString(record)
        except DecodeError as error:
            raise _damaged(file, number) from error
        if log.WhichOneof("log_type") == "predict_log":
            requests.append(log.predict_log.request)
        if len(requests) == MAX_REQUESTS:
            break
    return tuple(requests)


def write_predict_requests(file: Path, requests: Iterable[serving_pb2.PredictRequest]) -> None:
    """Replaces `file` with these requests, in one step."""
    aside = file.with_name(f".{file.name}")
    with aside.open("wb") as stream:
        for request in requests:
            log = serving_pb2.PredictionLog()
            log.predict_log.request.CopyFrom(request)
            record = log.SerializeToString()
            length = struct.pack("<Q", len(record))
            stream.write(length + _checksum(length) + record + _checksum(record))
    aside.replace(file)


def _records(file: Path) -> Iterator[bytes]:
    """Each record: length (8 bytes, little-endian), its checksum (4), data, their checksum (4)."""
    try:
        with file.open("rb") as stream:
            number = 0
            while stream.peek(1):
                (size_bytes,) = struct.unpack("<Q", _checked(stream, 8, file, number))
                yield _checked(stream, size_bytes, file, number)
                number += 1
    except OSError as error:
        raise DataLoss(f"{file}: recorded requests cannot be read: {error.strerror}; name another file") from error


def _checked(stream: BinaryIO, size_bytes: int, file: Path, number: int) -> bytes:
    data, checksum = stream.read(min(size_bytes, 2**31)), stream.read(4)
    if len(data) < size_bytes or checksum != _checksum(data):
        raise _damaged(file, number)
    return data


def _checksum(data: bytes) -> bytes:
    """TFRecord's: the crc32c, rotated and shifted."""
    crc = google_crc32c.value(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def _damaged(file: Path, number: int) -> DataLoss:
    return DataLoss(
        f"{file}: record {number} is cut off or no PredictionLog; wanted a TFRecord file of PredictionLog, as "
        "TensorFlow Serving's request logger writes"
    )
