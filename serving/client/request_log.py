"""Records a sample of requests and answers as TFRecords of PredictionLog: warm-up files, and input for monitoring."""

from __future__ import annotations

import os
import queue
import random
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from slipline.serving.wire.encode_predict import MAX_MESSAGE_BYTES
from slipline.serving.wire.tensors import delimiter, varint
from slipline.serving.wire.tfrecord import framed

MAX_WARMUP_RECORDS = 1000
"""TensorFlow Serving loads no model whose warm-up file has more."""

SUFFIX = ".tfrecord"

# The field of PredictionLog for a call; the log in it has the request as field 1, the answer as field 2.
_LOG_OF = {
    "/tensorflow.serving.PredictionService/Classify": b"\x12",
    "/tensorflow.serving.PredictionService/Regress": b"\x1a",
    "/tensorflow.serving.PredictionService/Predict": b"\x32",
}


class RequestLog:
    """A folder of numbered files, the last of them being written; a context manager that ends the writing.

    A call only puts its sample into a queue, and drops it if that is full; a thread writes. One log may serve several
    clients. It keeps within its bounds by removing its oldest files.

    Attributes:
      dropped: Samples that were not written, as the queue was full or the disk refused.
    """

    def __init__(
        self,
        folder: Path,
        *,
        share: float = 0.01,
        max_files: int = 10,
        records_per_file: int = MAX_WARMUP_RECORDS,
        max_queued_bytes: int = 16 << 20,
        seed: int | None = None,
    ) -> None:
        """Begins a new file in `folder`, which is made if there is none.

        Args:
          folder: Of this process alone; files of an earlier log in it count among its own.
          share: Of the calls that are answered, 0 to 1.
          max_files: How many are kept.
          records_per_file: So many samples a file; by default what TensorFlow Serving takes for a warm-up.
          max_queued_bytes: Memory for samples that wait to be written.
          seed: Of the choice of samples; by default another each time.

        Raises:
          ValueError: A bound is none.
          OSError: The folder cannot be made.
        """
        if not 0 <= share <= 1:
            raise ValueError(f"share must be from 0 to 1, got {share}")
        if max_files < 1 or records_per_file < 1 or max_queued_bytes < 1:
            bounds = f"{max_files}, {records_per_file} and {max_queued_bytes}"
            raise ValueError(f"max_files, records_per_file and max_queued_bytes must be at least 1, got {bounds}")
        folder.mkdir(parents=True, exist_ok=True)
        self.dropped = 0
        self._share = share
        self._max_queued_bytes = max_queued_bytes
        self._random = random.Random(seed)
        self._queue: queue.SimpleQueue[tuple[bytes, bytes, bytes] | None] = queue.SimpleQueue()
        self._queued_bytes = 0
        self._lock = threading.Lock()
        self._closed = False
        self._files = _Files(folder, max_files, records_per_file)
        self._writer = threading.Thread(target=self._write, name="request log", daemon=True)
        self._writer.start()

    def offer(self, path: str, request: bytes, response: bytes) -> None:
        """Takes a call into the log, if it is drawn, is an inference, and there is room; never waits, never raises.

        Args:
          path: The path of the gRPC method.
          request: In wire format.
          response: So, too.
        """
        log = _LOG_OF.get(path)
        if log is None or self._random.random() >= self._share:
            return
        size_bytes = len(request) + len(response)
        with self._lock:
            if self._closed or self._queued_bytes + size_bytes > self._max_queued_bytes:
                self.dropped += 1
                return
            self._queued_bytes += size_bytes
            self._queue.put((log, request, response))

    def close(self) -> None:
        """Writes what waits, and ends; later offers are dropped."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._writer.join()

    def __enter__(self) -> RequestLog:
        return self

    def __exit__(self, *ended: object) -> None:
        self.close()

    def _write(self) -> None:
        while (sample := self._queue.get()) is not None:
            log, request, response = sample
            try:
                self._files.append(prediction_log(log, request, response))
            except OSError:  # a full disk, say, must not end a program that only asks a model
                self._files.close()
                with self._lock:
                    self.dropped += 1
            with self._lock:
                self._queued_bytes -= len(request) + len(response)
        self._files.close()


def prediction_log(log: bytes, request: bytes, response: bytes) -> bytes:
    """A PredictionLog of messages that are in wire format already; `log` is the tag of its kind."""
    inner = b"".join((delimiter(1, len(request)), request, delimiter(2, len(response)), response))
    if len(inner) > MAX_MESSAGE_BYTES:
        raise OSError(f"a record of {len(inner)} bytes is beyond Protocol Buffers' limit")
    return b"".join((log, varint(len(inner)), inner))


class _Files:
    """The numbered files of a folder; each record reaches the file whole, in one write."""

    def __init__(self, folder: Path, max_files: int, records_per_file: int) -> None:
        self._folder = folder
        self._max_files = max_files
        self._records_per_file = records_per_file
        self._stream: BinaryIO | None = None
        self._records = 0

    def append(self, record: bytes) -> None:
        if self._stream is None or self._records == self._records_per_file:
            self.close()
            self._stream = self._next_file().open("xb", buffering=0)
            self._records = 0
        begin = self._stream.tell()
        try:
            frame = framed(record)
            if self._stream.write(frame) < len(frame):
                raise OSError("the disk is full")
        except OSError:
            os.ftruncate(self._stream.fileno(), begin)  # a cut record would spoil the file
            raise
        self._records += 1

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _next_file(self) -> Path:
        existing = _numbered(self._folder.glob(f"*{SUFFIX}"))
        for file in existing[: max(len(existing) - self._max_files + 1, 0)]:
            file.unlink(missing_ok=True)
        number = int(existing[-1].stem) + 1 if existing else 1
        return self._folder / f"{number:06}{SUFFIX}"


def _numbered(files: Iterable[Path]) -> list[Path]:
    return sorted((file for file in files if file.stem.isdecimal()), key=lambda file: int(file.stem))
