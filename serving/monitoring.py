"""What a server counts, as Prometheus reads it: TensorFlow Serving's metrics, and ours that know versions.

TensorFlow Serving's counters begin with a colon and do not end in `_total`; the Prometheus client library writes no
such names, so the text is made here.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from serving.errors import ConfigRefused
from serving.text_proto import read_text_proto
from serving.versions import ModelView
from serving.wire import settings_pb2
from serving.wire.serving_pb2 import ModelVersionStatus

DEFAULT_PATH = "/monitoring/prometheus/metrics"
# TensorFlow Serving's: 33 bounds, the first 10 microseconds, each 1.8 times the one before.
BOUNDS_US = tuple(10 * 1.8**power for power in range(33))
# Clients choose model names, so label sets have to end somewhere; those that come later share one without a name.
MAX_LABEL_SETS = 1000

Labels = tuple[str, ...]


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


@dataclass
class _Histogram:
    """How many values lie up to each bound and beyond the one before; the last count is of those beyond all."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_US) + 1))
    total_us: float = 0.0

    def observe(self, value_us: float) -> None:
        self.counts[bisect_left(BOUNDS_US, value_us)] += 1
        self.total_us += value_us


class Metrics:
    """Counts requests. Thread-safe, and a few microseconds a request."""

    def __init__(self, models: Callable[[], Sequence[ModelView]] = lambda: ()) -> None:
        """`models` gives the models as they are when `render` is called."""
        self._models = models
        self._lock = threading.Lock()
        self._requests: dict[Labels, int] = {}
        self._latencies: dict[Labels, _Histogram] = {}
        self._durations: dict[Labels, _Histogram] = {}

    def count(self, model: str, status: str) -> None:
        """Counts one request.

        Args:
          model: As the request names it; empty if that is unknown.
          status: gRPC's name of how it ended, `OK` or `NOT_FOUND`.
        """
        with self._lock:
            labels = _bounded(self._requests, (model, status), ("", status))
            self._requests[labels] = self._requests.get(labels, 0) + 1

    def observe(self, model: str, api: str, entrypoint: str, seconds: float, *, version: int | None = None) -> None:
        """Adds the time of one request that succeeded.

        Args:
          model: As the request names it.
          api: `Predict` for gRPC, `predict` for REST.
          entrypoint: `GRPC` or `REST`.
          seconds: From the request's arrival to the answer.
          version: The one that answered, if known.
        """
        with self._lock:
            _add(self._latencies, (model, api, entrypoint), ("", api, entrypoint), seconds)
            if version is not None:
                labels = (model, str(version), api.lower(), entrypoint)
                _add(self._durations, labels, ("", "", api.lower(), entrypoint), seconds)

    def render(self) -> bytes:
        """All metrics in Prometheus' text format, without help lines."""
        with self._lock:
            lines = [
                *_of_requests(self._requests),
                *_histograms(
                    ":tensorflow:serving:request_latency", ("model_name", "API", "entrypoint"), self._latencies, 1.0
                ),
                *_histograms(
                    "slipline_request_duration_seconds",
                    ("model_name", "version", "api", "entrypoint"),
                    self._durations,
                    1e-6,
                ),
            ]
        lines += _of_models(self._models())
        return "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")


def _bounded(family: Mapping[Labels, object], labels: Labels, surplus: Labels) -> Labels:
    return labels if labels in family or len(family) < MAX_LABEL_SETS else surplus


def _add(family: dict[Labels, _Histogram], labels: Labels, surplus: Labels, seconds: float) -> None:
    family.setdefault(_bounded(family, labels, surplus), _Histogram()).observe(seconds * 1e6)


def _of_requests(requests: Mapping[Labels, int]) -> Iterator[str]:
    if requests:
        yield "# TYPE :tensorflow:serving:request_count counter"
    for labels, count in sorted(requests.items()):
        yield _sample(":tensorflow:serving:request_count", ("model_name", "status"), labels, count)


def _histograms(name: str, keys: Labels, family: Mapping[Labels, _Histogram], unit_us: float) -> Iterator[str]:
    """`unit_us` is what a microsecond is in the metric's own unit."""
    if family:
        yield f"# TYPE {name} histogram"
    for labels, histogram in sorted(family.items()):
        below = 0
        for bound, count in zip((*BOUNDS_US, float("inf")), histogram.counts, strict=True):
            below += count
            text = f"{bound * unit_us:g}".replace("inf", "+Inf")
            yield _sample(f"{name}_bucket", (*keys, "le"), (*labels, text), below)
        yield _sample(f"{name}_sum", keys, labels, histogram.total_us * unit_us)
        yield _sample(f"{name}_count", keys, labels, below)


def _of_models(views: Sequence[ModelView]) -> Iterator[str]:
    configured = [view for view in views if view.source is not None]
    yield "# TYPE slipline_model_ready gauge"
    for view in configured:
        yield _sample("slipline_model_ready", ("model_name",), (view.name,), int(view.is_ready))
    yield "# TYPE slipline_model_version_state gauge"
    for view in configured:
        for version in view.versions:
            # What ended in good order is history, of which there is ever more.
            if version.state != ModelVersionStatus.END or version.status.error_code:
                labels = (view.name, str(version.version), ModelVersionStatus.State.Name(version.state))
                yield _sample("slipline_model_version_state", ("model_name", "version", "state"), labels, 1)
    yield "# TYPE slipline_model_load_seconds gauge"
    for view in configured:
        for version in view.versions:
            if version.state == ModelVersionStatus.AVAILABLE and version.version in view.load_s:
                loaded = (view.name, str(version.version))
                yield _sample(
                    "slipline_model_load_seconds", ("model_name", "version"), loaded, view.load_s[version.version]
                )


def _sample(name: str, keys: Labels, values: Labels, value: float) -> str:
    labels = ",".join(f'{key}="{_escaped(text)}"' for key, text in zip(keys, values, strict=True))
    return f"{name}{{{labels}}} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
