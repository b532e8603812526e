"""The answers of two versions to the same requests, added up to a comparison."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import quantiles

import numpy as np

from slipline.serving.releases.compare.comparison import Comparison
from slipline.serving.wire.tensors import Array


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How one version took one request.

    Attributes:
      seconds: Until its answer.
      outputs: By name; None where it failed.
      version: The one that answered; None where it failed.
      error: Why it failed; empty where it did not.
    """

    seconds: float
    outputs: Mapping[str, Array] | None = None
    version: int | None = None
    error: str = ""


@dataclass
class Tally:
    """Adds up pairs of answers; `comparison` is what they come to so far.

    Attributes:
      tolerance: As in `Limits`.
      first_error: What the newer version failed first with; empty while it has not.
    """

    tolerance: float
    first_error: str = ""
    _stable_s: list[float] = field(default_factory=list)
    _newer_s: list[float] = field(default_factory=list)
    _requests: int = 0
    _stable_errors: int = 0
    _errors: int = 0
    _disagreements: int = 0
    _seen: set[bytes] = field(default_factory=set)

    def add(self, inputs: Mapping[str, Array], stable: Answer, newer: Answer) -> None:
        """Adds what both versions answered to one request; an input seen before counts for its latency alone."""
        self._requests += 1
        if stable.outputs is None:
            self._stable_errors += 1
            return
        if newer.outputs is None:
            self._errors += 1
            self.first_error = self.first_error or newer.error
            return
        self._stable_s.append(stable.seconds)
        self._newer_s.append(newer.seconds)
        rows = list(_row_digests(inputs))
        differ = differing_rows(stable.outputs, newer.outputs, len(rows), self.tolerance)
        for row, differs in zip(rows, differ, strict=True):
            if row not in self._seen:
                self._seen.add(row)
                self._disagreements += differs

    def comparison(self) -> Comparison:
        """What was measured so far."""
        (stable_p50_ms, stable_p95_ms), (p50_ms, p95_ms) = (_percentiles_ms(s) for s in (self._stable_s, self._newer_s))
        return Comparison(
            requests=self._requests,
            stable_errors=self._stable_errors,
            errors=self._errors,
            inputs=len(self._seen),
            disagreements=self._disagreements,
            stable_p50_ms=stable_p50_ms,
            stable_p95_ms=stable_p95_ms,
            p50_ms=p50_ms,
            p95_ms=p95_ms,
        )


def differing_rows(
    first: Mapping[str, Array], second: Mapping[str, Array], rows: int, tolerance: float
) -> tuple[bool, ...]:
    """For each row, whether two versions decide differently.

    Whole numbers and strings differ or do not; scores, rows of more than one number, are compared by which is the
    highest, and single numbers by their size. Outputs that only one version has do not count; where they share none,
    all rows differ.

    Args:
      first: Outputs by name, the first axis being the batch.
      second: The same of the other version.
      rows: How many there are.
      tolerance: Relative and absolute, for single numbers.
    """
    shared = sorted(first.keys() & second.keys())
    differ = np.full(rows, not shared)
    for name in shared:
        differ = differ | _differ(first[name], second[name], rows, tolerance)
    return tuple(bool(row) for row in differ)


def _differ(first: Array, second: Array, rows: int, tolerance: float) -> Array:
    if first.shape != second.shape:
        return np.ones(rows, bool)
    if first.shape[:1] != (rows,):  # not by row: it holds for all of them
        first, second = first[np.newaxis], second[np.newaxis]
    if first.dtype.kind not in "fc":
        different = first != second
    elif first.ndim > 1 and first.shape[-1] > 1 and first.shape[0] == rows:
        different = first.argmax(axis=-1) != second.argmax(axis=-1)
    else:
        different = ~np.isclose(first, second, rtol=tolerance, atol=tolerance, equal_nan=True)
    return np.broadcast_to(different.reshape(len(different), -1).any(axis=1), (rows,))


def _row_digests(inputs: Mapping[str, Array]) -> Iterator[bytes]:
    """One digest for each row of the inputs; a single one where they have no common first axis."""
    lengths = {array.shape[:1] for array in inputs.values()}
    (rows,) = lengths.pop() if len(lengths) == 1 and () not in lengths else (None,)
    for row in [...] if rows is None else [slice(number, number + 1) for number in range(rows)]:
        digest = hashlib.sha256()
        for name, array in sorted(inputs.items()):
            part = array[row]
            digest.update(f"{name} {part.dtype} {part.shape} ".encode())
            digest.update(repr(part.tolist()).encode() if part.dtype == object else part.tobytes())
        yield digest.digest()


def _percentiles_ms(seconds: Sequence[float]) -> tuple[float, float]:
    """Median and 95th percentile."""
    if len(seconds) < 2:
        return (seconds[0] * 1e3,) * 2 if seconds else (0.0, 0.0)
    cuts = quantiles(seconds, n=20, method="inclusive")
    return cuts[9] * 1e3, cuts[18] * 1e3
