"""Counters and histograms in Prometheus' text format, cheap enough for every request.

TensorFlow Serving's counters begin with a colon and do not end in `_total`; the Prometheus client library writes no
such names, so the text is made here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np

# Clients choose model names, so label sets have to end somewhere; those that come later share one without a name.
MAX_LABEL_SETS = 1000
SORTED_TOGETHER = 256  # values that are put into buckets at once, which takes hardly longer than for one

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
        self._name, self._keys, self._bounds = name, tuple(keys), np.array(bounds)
        self._unit, self._open_keys = unit, open_keys
        self._lock = threading.Lock()
        self._found: dict[Labels, _Histogram] = {}

    def add(self, labels: Labels, value: float) -> None:
        """Observes one value."""
        found = self._found.get(labels) or self._new(labels)
        found.latest.append(value)
        if len(found.latest) >= SORTED_TOGETHER:
            self._sort(found)

    def lines(self) -> Iterator[str]:
        """The text of all that was observed."""
        families = sorted(self._found.copy().items(), key=_in_order)
        if families:
            yield f"# TYPE {self._name} histogram"
        ends = [f"{bound * self._unit:g}" for bound in self._bounds] + ["+Inf"]
        for labels, found in families:
            counts, total = self._sort(found)
            for end, below in zip(ends, accumulate(counts), strict=True):
                yield sample(f"{self._name}_bucket", (*self._keys, "le"), (*labels, end), below)
            yield sample(f"{self._name}_sum", self._keys, labels, total * self._unit)
            yield sample(f"{self._name}_count", self._keys, labels, sum(counts))

    def _new(self, labels: Labels) -> _Histogram:
        with self._lock:
            labels = _bounded(len(self._found), labels, self._open_keys)
            return self._found.setdefault(labels, _Histogram([0] * (len(self._bounds) + 1)))

    def _sort(self, found: _Histogram) -> tuple[list[int], float]:
        """Puts the latest values into their buckets; what lies in each then, and the sum of all."""
        with self._lock:
            latest = found.latest[:]
            del found.latest[: len(latest)]  # others may append meanwhile
            for bucket in np.searchsorted(self._bounds, latest).tolist():
                found.counts[bucket] += 1
            found.total += sum(latest)
            return found.counts[:], found.total


@dataclass
class _Histogram:
    """One histogram: how many values lie up to each bound and beyond the one before, and beyond all."""

    counts: list[int]
    total: float = 0.0
    latest: list[float] = field(default_factory=list)


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
