"""What a server counts, as Prometheus reads it: TensorFlow Serving's metrics, and ours that know versions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from slipline.serving.errors import ConfigRefused
from slipline.serving.server.batching.lanes import Batch
from slipline.serving.server.metrics.prometheus_text import Counters, Histograms, gauge
from slipline.serving.server.versions.loading import Attempt
from slipline.serving.server.versions.model_state import AVAILABLE, Model
from slipline.serving.wire import settings_pb2
from slipline.serving.wire.serving_pb2 import ModelVersionStatus
from slipline.serving.wire.text_proto import read_text_proto

BATCH_THREADS = "model_server_batch_threads"  # TensorFlow Serving's name of them
DEFAULT_PATH = "/monitoring/prometheus/metrics"
# TensorFlow Serving's bounds: of most times, of the time in a queue, and, ours, of the number of rows.
BOUNDS_US = tuple(10 * 1.8**power for power in range(33))
QUEUE_BOUNDS_US = tuple(100 * 1.2**power for power in range(52))
ROW_BOUNDS = tuple(2**power for power in range(15))

_SERVING, _SAVED_MODEL = ":tensorflow:serving:", ":tensorflow:cc:saved_model:"
_OF_REQUEST, _OF_PATH, _OF_VERSION = ("model_name", "API"), ("model_path", "status"), ("model_name", "version")


def read_monitoring_config(file: Path) -> str | None:
    """The path under which a MonitoringConfig in text form wants the metrics; None if it wants none.

    Raises:
      ConfigRefused: The file cannot be read, or its path is none of a URL.
    """
    config = read_text_proto(file, settings_pb2.MonitoringConfig()).prometheus_config
    if not config.enable:
        return None
    path = config.path or DEFAULT_PATH
    if not path.startswith("/"):
        raise ConfigRefused(f"{file}: the path of prometheus_config must begin with '/', got {path!r}")
    return path


class Metrics:
    """Counts requests, runs, batches and loads. Thread-safe, and a microsecond or two a call."""

    def __init__(self, models: Callable[[], Sequence[Model]] = lambda: ()) -> None:
        """`models` gives the models as they are when `render` is called."""
        self._models = models
        self._requests = Counters(f"{_SERVING}request_count", ("model_name", "status"), open_keys=1)
        self._latencies = Histograms(f"{_SERVING}request_latency", (*_OF_REQUEST, "entrypoint"), BOUNDS_US, open_keys=1)
        self._durations = Histograms(
            "slipline_request_duration_seconds",
            (*_OF_VERSION, "api", "entrypoint"),
            BOUNDS_US,
            unit=1e-6,
            open_keys=2,
        )
        self._runs = Histograms(f"{_SERVING}runtime_latency", (*_OF_REQUEST, "runtime"), BOUNDS_US, open_keys=1)
        self._queued = Histograms(f"{_SERVING}batching_session:queuing_latency", ("thread_pool_name",), QUEUE_BOUNDS_US)
        self._batches = Counters(f"{_SERVING}batching_session:wrapped_run_count")
        self._taken = Histograms(f"{_SERVING}batching_session:input_batch_size", (), ROW_BOUNDS)
        self._processed = Histograms(f"{_SERVING}batching_session:processed_batch_size", (), ROW_BOUNDS)
        self._padded = Histograms(
            f"{_SERVING}batching_session:padding_size", ("execution_batch_size",), (0, *ROW_BOUNDS), open_keys=1
        )
        self._warmups = Histograms(f"{_SERVING}model_warmup_latency", _OF_PATH, BOUNDS_US, open_keys=1)
        self._warmup_records = Counters(f"{_SERVING}model_warmup_records_read", _OF_PATH, open_keys=1)
        self._attempts = Counters(f"{_SAVED_MODEL}load_attempt_count", _OF_PATH, open_keys=1)
        self._loads = Counters(f"{_SAVED_MODEL}load_latency", ("model_path",), open_keys=1)
        self._stages = Histograms(
            f"{_SAVED_MODEL}load_latency_by_stage", ("model_path", "stage"), BOUNDS_US, open_keys=1
        )

    def count(self, model: str, status: str) -> None:
        """Counts one request.

        Args:
          model: As the request names it; empty if that is unknown.
          status: gRPC's name of how it ended, `OK` or `NOT_FOUND`.
        """
        self._requests.add((model, status))

    def observe(self, model: str, api: str, entrypoint: str, seconds: float, *, version: int | None = None) -> None:
        """Adds the time of one request that succeeded.

        Args:
          model: As the request names it.
          api: `Predict` for gRPC, `predict` for REST.
          entrypoint: `GRPC` or `REST`.
          seconds: From the request's arrival to the answer.
          version: The one that answered, if known.
        """
        self._latencies.add((model, api, entrypoint), seconds * 1e6)
        if version is not None:
            self._durations.add((model, version, api.lower(), entrypoint), seconds * 1e6)

    def observe_runtime(self, model: str, api: str, seconds: float) -> None:
        """Adds the time that a model itself took for one request, or for a batch of them; `api` as for `observe`."""
        self._runs.add((model, api, "TF1"), seconds * 1e6)

    def observe_batch(self, batch: Batch) -> None:
        """Adds one batch."""
        self._queued.add((BATCH_THREADS,), batch.waited_s * 1e6)
        self._batches.add()
        self._taken.add((), batch.rows)
        self._processed.add((), batch.filled_rows)
        self._padded.add((batch.filled_rows,), batch.filled_rows - batch.rows)

    def observe_warmup(self, folder: Path, status: str, records: int, seconds: float) -> None:
        """Adds one warm-up of the version in `folder`: gRPC's name of how it ended, the records read, the time."""
        self._warmups.add((str(folder), status), seconds * 1e6)
        self._warmup_records.add((str(folder), status), records)

    def observe_read(self, folder: Path, seconds: float) -> None:
        """Adds the time in which the version in `folder` was read into memory.

        TensorFlow Serving tells it in two stages, `restore_graph` and `init_graph`; TensorFlow's C API does both in one
        call, so all of it counts for the first.
        """
        self._stages.add((str(folder), "restore_graph"), seconds * 1e6)

    def observe_load(self, folder: Path, attempt: Attempt) -> None:
        """Adds one attempt to load the version in `folder`."""
        self._attempts.add((str(folder), "fail" if attempt.code else "success"))
        if not attempt.code:
            self._loads.add((str(folder),), round((attempt.figures.load_s or 0) * 1e6))

    def render(self) -> bytes:
        """All metrics in Prometheus' text format, without help lines."""
        families: tuple[Counters | Histograms, ...] = (
            *(self._requests, self._latencies, self._durations, self._runs),
            *(self._queued, self._batches, self._taken, self._processed, self._padded),
            *(self._warmups, self._warmup_records, self._attempts, self._loads, self._stages),
        )
        lines = [line for family in families for line in family.lines()]
        lines += _of_models(self._models())
        return "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")


def _of_models(views: Sequence[Model]) -> Iterator[str]:
    configured = [view for view in views if view.source is not None]
    # What ended in good order is history, of which there is ever more.
    versions = [(view, version) for view in configured for version in view.current]
    up = [((view.name, version.number), version.figures) for view, version in versions if version.state == AVAILABLE]
    yield from gauge(
        "slipline_model_ready", ("model_name",), [((view.name,), int(view.is_ready)) for view in configured]
    )
    yield from gauge(
        "slipline_model_versions_missing", ("model_name",), [((view.name,), len(view.missing)) for view in configured]
    )
    yield from gauge(
        "slipline_model_version_wanted",
        _OF_VERSION,
        [((view.name, number), 1) for view in configured for number in sorted(view.wanted, reverse=True)],
    )
    yield from gauge(
        "slipline_model_version_state",
        (*_OF_VERSION, "state"),
        [((view.name, v.number, ModelVersionStatus.State.Name(v.state)), 1) for view, v in versions],
    )
    yield from gauge("slipline_model_load_seconds", _OF_VERSION, [(of, detail.load_s or 0) for of, detail in up])
    yield from gauge("slipline_model_disk_bytes", _OF_VERSION, [(of, detail.disk_bytes) for of, detail in up])
    yield from gauge("slipline_model_load_growth_bytes", _OF_VERSION, [(of, detail.grown_bytes) for of, detail in up])
    # TensorFlow Serving's value would be the text, which Prometheus does not take; so that is a label.
    tracked = [((*of, detail.mlmd_uuid), 1) for of, detail in up if detail.mlmd_uuid]
    if tracked:
        yield from gauge(f"{_SERVING}mlmd_map", (*_OF_VERSION, "mlmd_uuid"), tracked)
