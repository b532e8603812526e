"""The requests recorded for a model's warm-up: a TFRecord file of PredictionLog among its extra assets."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from google.protobuf.message import DecodeError

from serving.errors import LoadFailed
from serving.wire import serving_pb2

WARMUP_FILE = Path("assets.extra", "tf_serving_warmup_requests")
MAX_RECORDS = 1000  # TensorFlow Serving's limit


def warmup_requests(folder: Path) -> Iterator[serving_pb2.PredictRequest]:
    """The recorded requests of the version in `folder`, in order; none if it has no such file.

    Raises:
      LoadFailed: The file is no TFRecord of PredictionLog, or has more than 1,000 records.
    """
    file = folder / WARMUP_FILE
    if not file.is_file():
        return
    for number, record in enumerate(_records(file)):
        if number == MAX_RECORDS:
            raise LoadFailed(f"{file}: warm-up takes at most {MAX_RECORDS} records; write fewer")
        try:
            log = serving_pb2.PredictionLog.FromString(record)
        except DecodeError as error:
            raise LoadFailed(f"{file}: Failed to parse warmup record: record {number} is no PredictionLog") from error
        if log.HasField("predict_log"):
            yield log.predict_log.request


def _records(file: Path) -> Iterator[bytes]:
    """Each record: length (8 bytes, little-endian), its crc32c (4), data, their crc32c (4)."""
    with file.open("rb") as stream:
        number = 0
        while stream.peek(1):
            size = struct.unpack("<Q", _checked(stream, 8, file, number))[0]
            yield _checked(stream, size, file, number)
            number += 1


def _checked(stream: BinaryIO, size_bytes: int, file: Path, number: int) -> bytes:
    import google_crc32c

    data, checksum = stream.read(size_bytes), stream.read(4)
    crc = google_crc32c.value(data)
    masked = (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
    if len(data) < size_bytes or checksum != struct.pack("<I", masked):
        raise LoadFailed(f"{file}: record {number} is cut off or corrupt; the file must be a TFRecord of PredictionLog")
    return data
