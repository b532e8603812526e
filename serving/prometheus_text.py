"""Counters and histograms in Prometheus' text format, cheap enough for every request.

TensorFlow Serving's counters begin with a colon and do not end in `_total`; the Prometheus client library writes no
such names, so the text is made here.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

# Clients choose model names, so label sets have to end somewhere; those that come later share one without a name.
MAX_LABEL_SETS = 1000

Labels = tuple[str | int, ...]


class Counters:
    """A family of counters that share a name. Thread-safe."""

    def __init__(self, name: str, keys: Sequence[str] = (), *, open_keys: int = 0) -> None:
        """Nothing is counted yet.

        Args:
          name: Of the metric.
          keys: Names of the labels.
          open_keys: So many of the first labels can have any value, and are left empty once there are too many.
        """
        self._name, self._keys, self._open_keys = name, tuple(keys), open_keys
        self._lock = threading.Lock()
        self._counts: dict[Labels, float] = {}

    def add(self, labels: Labels = (), by: float = 1) -> None:
        """Counts."""
        with self._lock:
            if labels not in self._counts:
                labels = _bounded(len(self._counts), labels, self._open_keys)
            self._counts[labels] = self._counts.get(labels, 0) + by

    def lines(self) -> Iterator[str]:
        """The text of all that was counted."""
        with self._lock:
            counts = sorted(self._counts.items(), key=_in_order)
        if counts:
            yield f"# TYPE {self._name} counter"
        for labels, count in counts:
            yield sample(self._name, self._keys, labels, count)


class Histograms:
    """A family of histograms that share a name and bounds. Thread-safe."""

    def __init__(
        self, name: str, keys: Sequence[str], bounds: Sequence[float], *, unit: float = 1.0, open_keys: int = 0
    ) -> None:
        """Nothing is observed yet.

        Args:
          name: Of the metric.
          keys: Names of the labels.
          bounds: Upper ends of the buckets, ascending.
          unit: What 1 of the values and bounds is in the metric's own unit.
          open_keys: As for `Counters`.
        """
        self._name, self._keys, self._bounds = name, tuple(keys), tuple(bounds)
        self._unit, self._open_keys = unit, open_keys
        self._lock = threading.Lock()
        # How many values lie up to each bound and beyond the one before, and beyond all; then their sum.
        self._values: dict[Labels, list[float]] = {}

    def add(self, labels: Labels, value: float) -> None:
        """Observes one value."""
        bucket = bisect_left(self._bounds, value)
        with self._lock:
            values = self._values.get(labels)
            if values is None:
                labels = _bounded(len(self._values), labels, self._open_keys)
                values = self._values.setdefault(labels, [0] * (len(self._bounds) + 2))
            values[bucket] += 1
            values[-1] += value

    def lines(self) -> Iterator[str]:
        """The text of all that was observed."""
        with self._lock:
            families = sorted(((labels, list(values)) for labels, values in self._values.items()), key=_in_order)
        if families:
            yield f"# TYPE {self._name} histogram"
        ends = [f"{bound * self._unit:g}" for bound in self._bounds] + ["+Inf"]
        for labels, (*counts, total) in families:
            for end, below in zip(ends, accumulate(counts), strict=True):
                yield sample(f"{self._name}_bucket", (*self._keys, "le"), (*labels, end), below)
            yield sample(f"{self._name}_sum", self._keys, labels, total * self._unit)
            yield sample(f"{self._name}_count", self._keys, labels, sum(counts))


def gauge(name: str, keys: Sequence[str], values: Sequence[tuple[Labels, float]]) -> Iterator[str]:
    """The text of a gauge that is read when it is asked for."""
    yield f"# TYPE {name} gauge"
    for labels, value in values:
        yield sample(name, tuple(keys), labels, value)


def sample(name: str, keys: Sequence[str], values: Labels, value: float) -> str:
    """One line."""
    if not keys:
        return f"{name} {value}"
    labels = ",".join(f'{key}="{_escaped(str(text))}"' for key, text in zip(keys, values, strict=True))
    return f"{name}{{{labels}}} {value}"


def _bounded(size: int, labels: Labels, open_keys: int) -> Labels:
    return labels if size < MAX_LABEL_SETS else ("",) * open_keys + labels[open_keys:]


def _in_order(item: tuple[Labels, object]) -> list[str]:
    return [str(label) for label in item[0]]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
