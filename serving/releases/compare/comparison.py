"""How a newer version compares with the live one on the same requests, and the limits for going live."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path

MIN_INPUTS = 20
"""Fewer different inputs than these say nothing about how often two versions disagree."""

_Z = 1.645  # the normal distribution's 95 % point, one-sided
_LATENCY_SLACK_MS = 5.0  # below that, a ratio of latencies is that of two schedulers


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Beyond which a newer version is not made live. Rates count as exceeded once chance no longer explains them.

    Attributes:
      max_error_rate: Share of the requests answered by the live version that the newer one fails, 0 to 1.
      max_disagreement: Share of different inputs whose answers differ, 0 to 1.
      max_latency_ratio: Of the newer version's median latency to the live one's; 5 ms more are always allowed.
      tolerance: By how much numbers may differ and still agree, relative and absolute, where an output is neither
        whole numbers or strings nor scores to choose from.
    """

    max_error_rate: float = 0.0
    max_disagreement: float = 0.25
    max_latency_ratio: float = 3.0
    tolerance: float = 0.05

    def __post_init__(self) -> None:
        for name in ("max_error_rate", "max_disagreement"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must be from 0 to 1, got {getattr(self, name)}")
        if self.max_latency_ratio <= 0.0 or self.tolerance < 0.0:
            raise ValueError(
                f"max_latency_ratio must be above 0 and tolerance not below, got {self.max_latency_ratio} and "
                f"{self.tolerance}"
            )


@dataclass(frozen=True, kw_only=True)
class Replay:
    """How two versions are asked the same before the newer one goes live.

    Attributes:
      requests: TFRecord file of PredictionLog; None for the model's stored sample, or else the warm-up requests that
        came with the newer version.
      limits: Beyond which it does not go live.
      min_requests: The sample is repeated until so many were sent, so that latencies mean something.
      max_s: No more are sent after that time.
      timeout_s: For each request.
    """

    requests: Path | None = None
    limits: Limits = field(default_factory=Limits)
    min_requests: int = 50
    max_s: float = 10.0
    timeout_s: float = 10.0


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What was measured.

    Attributes:
      requests: Sent to each of the two versions.
      stable_errors: Those that the live version failed.
      errors: Those that the newer version failed and the live one did not.
      inputs: Different inputs (rows of the first axis) that both answered.
      disagreements: Those of them whose answers differ.
      stable_p50_ms: The live version's median latency; 0 if it answered nothing.
      stable_p95_ms: Its 95th percentile.
      p50_ms: The newer version's median latency.
      p95_ms: Its 95th percentile.
    """

    requests: int
    stable_errors: int
    errors: int
    inputs: int
    disagreements: int
    stable_p50_ms: float
    stable_p95_ms: float
    p50_ms: float
    p95_ms: float

    def __str__(self) -> str:
        differ = f"{self.disagreements} of {self.inputs} inputs answered differently"
        return (
            f"{self.requests} requests, {self.errors} errors, {differ}, "
            f"p50 {self.p50_ms:.1f} ms (stable {self.stable_p50_ms:.1f} ms)"
        )

    def to_json(self) -> str:
        """The figures as the ledger keeps them."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Comparison:
        """The figures that `to_json` wrote."""
        return cls(**json.loads(text))


def breaches(found: Comparison, limits: Limits) -> tuple[str, ...]:
    """Which limits are exceeded, one sentence each with the measured value and the limit; nothing if none is."""
    broken = []
    tried = found.requests - found.stable_errors
    if least_rate(found.errors, tried) > limits.max_error_rate:
        broken.append(
            f"it failed {found.errors} of {tried} requests that the live version answered, "
            f"the limit is {limits.max_error_rate:.1%}"
        )
    if found.inputs >= MIN_INPUTS and least_rate(found.disagreements, found.inputs) > limits.max_disagreement:
        broken.append(
            f"it answered {found.disagreements} of {found.inputs} inputs ({found.disagreements / found.inputs:.1%}) "
            f"otherwise than the live version, the limit is {limits.max_disagreement:.1%}"
        )
    if found.p50_ms > limits.max_latency_ratio * found.stable_p50_ms + _LATENCY_SLACK_MS:
        broken.append(
            f"its median latency is {found.p50_ms:.1f} ms, the live version's {found.stable_p50_ms:.1f} ms, "
            f"the limit is {limits.max_latency_ratio:g} times that"
        )
    return tuple(broken)


def least_rate(count: int, of: int) -> float:
    """The lowest rate that `count` of `of` still fits at 95 % confidence: Wilson's score interval, one-sided.

    No matter how few cases there are, 0 of them gives 0, and 1 more than 0.
    """
    if not of:
        return 0.0
    rate, z2 = count / of, _Z * _Z
    spread = _Z * math.sqrt(rate * (1 - rate) / of + z2 / (4 * of * of))
    return max(0.0, (rate + z2 / (2 * of) - spread) / (1 + z2 / of)) if count else 0.0
