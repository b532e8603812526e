"""Warm-ups: replays the requests recorded with a model, a TFRecord file of PredictionLog among its extra assets.

They end in time: a request that hangs fails the load of its version, and holds up nothing else.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from google.protobuf.message import DecodeError

from slipline.serving.errors import BadRequest, DataLoss, DeadlineExceeded, LoadFailed, ServingError, Unsupported
from slipline.serving.folders.prediction_log import WARM_UP_FILE
from slipline.serving.models.loaded_model import LoadedModel
from slipline.serving.server.methods.methods import Methods
from slipline.serving.server.methods.predict_calls import PredictCall
from slipline.serving.wire import serving_pb2
from slipline.serving.wire.grpc_errors import code_of
from slipline.serving.wire.tfrecord import DamagedRecord, read_records

MAX_RECORDS = 1000  # TensorFlow Serving's limit
INTERRUPT_S = 5.0  # loops look between two steps whether to end; a single operation does not


class WarmUps:
    """Warms up the models of a server. Thread-safe."""

    def __init__(
        self,
        methods: Methods,
        *,
        iterations: int = 1,
        time_limit_s: float | None = None,
        interrupt_s: float = INTERRUPT_S,
        on_end: Callable[[Path, str, int, float], None] = lambda folder, status, records, seconds: None,
    ) -> None:
        """Nothing is run yet.

        Args:
          methods: How requests are run.
          iterations: How often each is run, at least once.
          time_limit_s: A warm-up that takes longer has failed, as the first requests would be as slow; None for any
            time.
          interrupt_s: How long a run is waited for that was told to end.
          on_end: Told a model's folder, gRPC's name of how its warm-up ended, the records replayed and the seconds
            taken, if the model has recorded requests.
        """
        self._methods = methods
        self._iterations = iterations
        self._time_limit_s = time_limit_s
        self._interrupt_s = interrupt_s
        self._on_end = on_end
        self._lock = threading.Lock()
        self._left_behind: list[_Replay] = []

    @property
    def are_over(self) -> bool:
        """Whether no run goes on of a warm-up that was given up."""
        return not any(replay.is_alive() for replay in self._left_behind)

    def check(self, folder: Path) -> None:
        """Returns if the version in `folder` may be loaded.

        Raises:
          LoadFailed: A run of it that was given up goes on, and another would only be one more.
        """
        with self._lock:
            self._left_behind = [replay for replay in self._left_behind if replay.is_alive()]
            if any(replay.model.folder == folder for replay in self._left_behind):
                reason = "its last warm-up still runs, and cannot be ended; mend the model, and restart the server"
                raise LoadFailed(f"{folder}: {reason}") from DeadlineExceeded(reason)

    def warm_up(self, model: LoadedModel) -> None:
        """Replays the recorded requests that came with the model; closes it if that fails.

        Raises:
          LoadFailed: One of them cannot be read or run, or the time is over; the cause says which status that is.
        """
        if not (model.folder / WARM_UP_FILE).is_file():
            return
        begin_s = time.monotonic()
        replay = _Replay(model, self._methods, self._iterations)
        replay.start()
        replay.join(self._time_limit_s)
        error = self._give_up(replay) if replay.is_alive() else replay.error
        cause = error.__cause__ if isinstance(error, LoadFailed) else error
        status = code_of(cause).name if isinstance(cause, ServingError) else "UNKNOWN" if error else "OK"
        self._on_end(model.folder, status, replay.count, time.monotonic() - begin_s)
        if error is not None:
            raise error

    def _give_up(self, replay: _Replay) -> LoadFailed:
        model = replay.model
        reason = (
            f"not warm after {self._time_limit_s:g} s, in request {replay.record} of {WARM_UP_FILE}; record "
            "what takes less time, or raise --warmup_time_limit_seconds"
        )
        replay.is_given_up = True
        model.interrupt()
        replay.join(self._interrupt_s)
        if replay.is_alive():
            with self._lock:
                self._left_behind.append(replay)
            reason += ". The request still runs, and keeps its memory until it ends"
        else:
            model.close()  # it may have ended just before; to close it twice does no harm
        error = LoadFailed(f"{model.folder}: {reason}")
        error.__cause__ = DeadlineExceeded(reason)
        return error


class _Replay(threading.Thread):
    """Replays the recorded requests of `model`, and closes it if that fails, or at last if it was given up.

    A record's model name and version are ignored, and a record of no kind is skipped.

    Attributes:
      record: The number of the one that is replayed, counted from 0.
      count: Those that were.
    """

    def __init__(self, model: LoadedModel, methods: Methods, iterations: int) -> None:
        super().__init__(name=f"warm-up {model.folder}", daemon=True)
        self.model = model
        self.record = 0
        self.count = 0
        self.is_given_up = False
        self.error: Exception | None = None
        self._methods = methods
        self._iterations = iterations

    def run(self) -> None:
        logs = _logs(self.model.folder)
        try:
            for self.record, log in enumerate(logs):
                self._replay(log)
        except Exception as error:  # whatever it is, it is the load that fails of it
            self.error = error
        if self.error or self.is_given_up:
            self.model.close()

    def _replay(self, log: serving_pb2.PredictionLog) -> None:
        try:
            for _ in range(max(1, self._iterations)):
                ran = _run(self.model, log, self._methods)
        except ServingError as error:
            raise LoadFailed(f"{self.model.folder}: warm-up request {self.record} failed: {error}") from error
        self.count += ran


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
